//! What the file says.

use usher_auth_jwt::DeniedSubjectsError;

use super::{LARGEST, Scene, denies, open};
use crate::support::now;

async fn assert_denied(text: &[u8], denied: &[&str], others: &[&str]) {
    let list = Scene::new(text);
    let list = list.open();
    let shown = String::from_utf8_lossy(text);
    for id in denied {
        assert!(denies(&list, id, now()).await, "{id:?} of {shown:?}");
    }
    for id in others {
        assert!(!denies(&list, id, now()).await, "{id:?} of {shown:?}");
    }
}

#[tokio::test]
async fn each_line_is_an_id_without_the_space_around_it() {
    let text = b"alice\n  bob\t \ncorp|carol\n\n   \ndave smith\nAlice2";
    let denied = ["alice", "bob", "corp|carol", "dave smith", "Alice2"];
    let others = [
        "", " ", "Alice", "alice2", "  bob", "carol", "corp|", "dave", "smith", "alic", "alice\n",
    ];
    assert_denied(text, &denied, &others).await;
}

#[tokio::test]
async fn a_line_ends_in_any_way_and_the_last_one_needs_no_end() {
    for text in [
        "alice\r\nbob\r\n",
        "alice\nbob",
        "\n\nalice\n\r\nbob\r",
        "bob\nalice\nbob\n",
    ] {
        assert_denied(text.as_bytes(), &["alice", "bob"], &["", "\r", "alice\r"]).await;
    }
}

#[tokio::test]
async fn a_mark_of_byte_order_is_no_part_of_the_first_id() {
    assert_denied(
        "\u{feff}alice\nbob".as_bytes(),
        &["alice", "bob"],
        &["\u{feff}alice"],
    )
    .await;
    assert_denied("\u{feff}# alice\n".as_bytes(), &[], &["alice", "# alice"]).await;
}

#[tokio::test]
async fn lines_that_begin_with_a_hash_are_comments_and_others_have_none() {
    let text = b"#alice\n  # bob\n#\ncarol # left in March\ndave#2\n\"#erin\"\n";
    let denied = ["carol # left in March", "dave#2", "#erin"];
    let others = [
        "alice", "#alice", "bob", "# bob", "#", "carol", "dave", "erin",
    ];
    assert_denied(text, &denied, &others).await;
}

#[tokio::test]
async fn an_empty_list_denies_nobody() {
    for text in ["", "\n", "# nobody\n", "\u{feff}", " \t\r\n"] {
        assert_denied(text.as_bytes(), &[], &["alice", "", "#", "# nobody"]).await;
    }
}

/// What a line could not say otherwise: space around it, a hash or a quotation mark in front, a line's
/// end inside, a character that nobody can type.
#[tokio::test]
async fn an_id_may_be_written_as_a_json_text() {
    let text = r##"
        " alice "
        "\"bob\""
        "#carol"
        "da\nve"
        "\u0000"
        "\u00e9rin"
        "plain"
        ""
    "##;
    let denied = [
        " alice ", "\"bob\"", "#carol", "da\nve", "\0", "érin", "plain", "",
    ];
    let others = ["alice", "bob", "carol", "\"plain\"", "da", "ve", "\\u0000"];
    assert_denied(text.as_bytes(), &denied, &others).await;
}

/// The same characters in another composition are another subject.
#[tokio::test]
async fn ids_are_compared_byte_for_byte() {
    let text = "é\nﬁ\nJOSÉ\na\u{ad}b\n";
    let denied = ["é", "ﬁ", "JOSÉ", "a\u{ad}b"];
    let others = ["e\u{301}", "fi", "josé", "José", "ab"];
    assert_denied(text.as_bytes(), &denied, &others).await;
}

#[test]
fn a_line_that_begins_as_a_json_text_and_is_none_is_refused_by_its_number() {
    for (text, number) in [
        ("\"alice", 1),
        ("alice\n# bob\n\n\"carol\n", 4),
        ("\r\n\"a\" b\r\n", 2),
        ("\"a\" # why\n", 1),
        ("\"a\",\n\"b\"\n", 1),
        ("\"\\x\"\n", 1),
        ("\"\\ud800\"\n", 1),
        ("alice\n\"a\tb\"", 2),
    ] {
        let opened = open(&Scene::new(text).path());
        match opened {
            Err(DeniedSubjectsError::Line(line)) => assert_eq!(line, number, "{text:?}"),
            other => panic!("{other:?} of {text:?}"),
        }
    }
}

#[test]
fn what_is_no_file_or_no_text_is_refused() {
    let scene = Scene::new(b"alice\n\xff\n");
    assert!(matches!(
        open(&scene.path()),
        Err(DeniedSubjectsError::Io(_))
    ));
    scene.remove();
    assert!(matches!(
        open(&scene.path()),
        Err(DeniedSubjectsError::Io(_))
    ));
    let directory = open(scene.directory.path());
    assert!(matches!(directory, Err(DeniedSubjectsError::Io(_))));
}

#[tokio::test]
async fn a_list_of_8_mib_is_read_and_a_larger_one_is_not() {
    let mut text = "a-subject\n".repeat(LARGEST / 10);
    text.push_str(&"\n".repeat(LARGEST - text.len() - 5));
    text.push_str("alice");
    assert_eq!(text.len(), LARGEST);
    let scene = Scene::new(&text);
    assert!(denies(&scene.open(), "alice", now()).await);
    text.push('\n');
    scene.write(&text);
    let opened = open(&scene.path());
    assert!(matches!(opened, Err(DeniedSubjectsError::TooLarge)));
}
