# The handler of the article that Usher comes from, to the letter but for the table's name and without its comments.
import json
import os

import boto3
from botocore.exceptions import ClientError

dynamodb = boto3.resource('dynamodb')
users_table = dynamodb.Table(os.environ['TABLE'])


def lambda_handler(event, context):
    print("Received event: " + json.dumps(event, indent=2))
    user_id = event['pathParameters']['userId']
    cognito_claims = event['requestContext']['authorizer']['claims']
    authenticated_user_id = cognito_claims.get('sub')
    if user_id != authenticated_user_id:
        return {
            'statusCode': 403,
            'body': json.dumps('Forbidden: You can only access your own profile.')
        }
    try:
        response = users_table.get_item(Key={'userId': user_id})
        item = response.get('Item')
        if not item:
            return {
                'statusCode': 404,
                'body': json.dumps(f'User profile not found for {user_id}')
            }
        return {
            'statusCode': 200,
            'body': json.dumps(item)
        }
    except ClientError as e:
        print(e.response['Error']['Message'])
        return {
            'statusCode': 500,
            'body': json.dumps('Internal server error')
        }
