//! The deployment's own schema in the document.

use serde_json::json;

use super::{document_of, plain, shown};

#[tokio::test]
async fn the_deployments_schema_is_there_in_full_and_in_the_documents_own_dialect() {
    let mut setup = plain();
    setup.rules.schema = Some(shown(&["tier"]));
    let document = document_of(&setup.start()).await;
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["ProfileSchema"],
        json!({
            "type": "object",
            "properties": {
                "age": {"$ref": "#/components/schemas/ProfileSchema/definitions/age"},
                // What looks like a reference in data is data.
                "tier": {"enum": ["silver", {"$ref": "#/definitions/age"}], "readOnly": true},
                "friend": {"$ref": "#/components/schemas/ProfileSchema"},
            },
            "definitions": {"age": {"type": "number", "minimum": 0}},
            "examples": [{"age": 40, "tier": "silver"}],
        })
    );
    assert_eq!(
        schemas["ProfileAttributes"]["allOf"],
        json!([
            {"$ref": "#/components/schemas/PortableObject"},
            {"$ref": "#/components/schemas/ProfileSchema"},
        ])
    );
    let put = &document["paths"]["/users/{userId}/profile"]["put"];
    let body = &put["requestBody"]["content"]["application/json"];
    assert_eq!(
        body["schema"]["$ref"],
        "#/components/schemas/ProfileAttributes"
    );
    // The schema's own example, without what its owner may not write.
    assert_eq!(body["examples"]["example"]["value"], json!({"age": 40}));
}
