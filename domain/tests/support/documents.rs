//! Documents of the portable form, and the many ways in which each can be written.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Number, Value};

use crate::decimals::{self, Decimal};

/// What the rule for profiles allows, as a reader of the contract would model it.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    Null,
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    Array(Vec<Document>),
    Object(Vec<(String, Document)>),
}

impl Document {
    /// The value that the document has for every reader.
    pub(crate) fn value(&self) -> Value {
        self.value_with(decimals::number)
    }

    pub(crate) fn members(&self) -> Map<String, Value> {
        members_of(self.value())
    }

    /// The same, with 1.0 where others have 1: as a store may hand it out.
    pub(crate) fn binary_members(&self) -> Map<String, Value> {
        members_of(self.value_with(|double| Number::from_f64(double).expect("a finite double")))
    }

    fn value_with(&self, number: fn(f64) -> Number) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Integer(integer) => Value::from(*integer),
            Self::Double(double) => Value::Number(number(*double)),
            Self::Text(text) => Value::from(text.as_str()),
            Self::Array(elements) => elements
                .iter()
                .map(|inner| inner.value_with(number))
                .collect(),
            Self::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), member.value_with(number)))
                .collect(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => {
                1 + members
                    .iter()
                    .map(|(_, member)| member.depth())
                    .max()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// One of the document's spellings: white space, the order of members, how a number is written
    /// and which characters are escaped are `whim`'s to choose.
    pub(crate) fn spelled(&self, whim: &mut Whim) -> String {
        let mut out = String::new();
        self.spell(whim, &mut out);
        out
    }

    fn spell(&self, whim: &mut Whim, out: &mut String) {
        out.push_str(whim.blank());
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(truth) => out.push_str(&truth.to_string()),
            Self::Integer(integer) => out.push_str(&whim.number(&integer.to_string())),
            Self::Double(double) => out.push_str(&whim.number(&decimals::shortest(*double))),
            Self::Text(text) => whim.text(text, out),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    element.spell(whim, out);
                }
                out.push_str(whim.blank());
                out.push(']');
            }
            Self::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                out.push('{');
                let mut comma = "";
                while !members.is_empty() {
                    let (name, member) = members.remove(whim.below(members.len()));
                    out.push_str(comma);
                    out.push_str(whim.blank());
                    whim.text(name, out);
                    out.push_str(whim.blank());
                    out.push(':');
                    member.spell(whim, out);
                    comma = ",";
                }
                out.push_str(whim.blank());
                out.push('}');
            }
        }
        out.push_str(whim.blank());
    }
}

fn members_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Choices, one after the other and round again; all zero is the plainest spelling.
#[derive(Debug, Clone)]
pub(crate) struct Whim {
    choices: Vec<u8>,
    next: usize,
}

impl Whim {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let choice = self.choices[self.next % self.choices.len()];
        self.next += 1;
        usize::from(choice) % bound
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[self.below(choices.len())]
    }

    fn blank(&mut self) -> &'static str {
        self.one_of(&["", "", "", " ", "\n", "\t\r\n  "])
    }

    fn number(&mut self, literal: &str) -> String {
        if self.below(3) == 0 {
            return literal.to_owned();
        }
        let (zeros, point) = (self.below(4), self.below(30));
        let exponent = self.one_of(&["e", "E", "e+0", "E+00"]);
        Decimal::of(literal).spelled(zeros, point, exponent)
    }

    fn text(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            let short = match character {
                '"' => Some("\\\""),
                '\\' => Some("\\\\"),
                '/' => Some("\\/"),
                '\n' => Some("\\n"),
                '\r' => Some("\\r"),
                '\t' => Some("\\t"),
                '\u{8}' => Some("\\b"),
                '\u{c}' => Some("\\f"),
                _ => None,
            };
            let must = character < ' ' || character == '"' || character == '\\';
            match (self.below(3), short) {
                (0, _) if !must => out.push(character),
                (0 | 1, Some(short)) => out.push_str(short),
                (chosen, _) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let escape = match chosen {
                            1 => format!("\\u{unit:04X}"),
                            _ => format!("\\u{unit:04x}"),
                        };
                        out.push_str(&escape);
                    }
                }
            }
        }
        out.push('"');
    }
}

pub(crate) fn whim() -> impl Strategy<Value = Whim> {
    vec(any::<u8>(), 1..80).prop_map(|choices| Whim { choices, next: 0 })
}

/// Any portable object, as deep as 32 levels.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    object_of(prop_oneof![
        1 => integer().prop_map(Document::Integer),
        1 => decimals::double().prop_map(Document::Double),
    ])
}

/// One without doubles, whose spelling is a matter of taste.
pub(crate) fn document_of_integers() -> impl Strategy<Value = Document> {
    object_of(integer().prop_map(Document::Integer))
}

/// Objects so small and so alike that two of them are often equal.
pub(crate) fn tiny_document() -> impl Strategy<Value = Document> {
    let leaf = select(vec![
        Document::Null,
        Document::Integer(0),
        Document::Integer(1),
        Document::Double(0.1),
        Document::Double(1.0),
        Document::Text(String::new()),
        Document::Text("1".into()),
        Document::Text(",\"a\":".into()),
    ]);
    let name = || select(vec!["a", "b", "a\":1,\"b"]).prop_map(str::to_owned);
    let value = leaf.prop_recursive(2, 6, 2, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..=2).prop_map(Document::Array),
            object(name(), inner, 2),
        ]
    });
    object(name(), value, 2)
}

pub(crate) fn integer() -> impl Strategy<Value = i64> {
    let edge = select(vec![0, 1, -1, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN]);
    prop_oneof![edge, -1000..1000_i64, any::<i64>()]
}

fn object_of(number: impl Strategy<Value = Document> + 'static) -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        Just(Document::Null),
        any::<bool>().prop_map(Document::Bool),
        number,
        text().prop_map(Document::Text),
    ];
    let value = leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Document::Array),
            object(name(), inner, 4),
        ]
    });
    let buried = (value, 0..32_usize, name()).prop_map(|(value, levels, name)| {
        // The document itself is the first of 32 levels.
        let levels = levels.min(31 - value.depth());
        (0..levels).fold(value, |inner, level| match level % 2 {
            0 => Document::Array(vec![inner]),
            _ => Document::Object(vec![(name.clone(), inner)]),
        })
    });
    let at_top = name().prop_filter("reserved at the top", |name| {
        !name.starts_with('_') && name != "userId"
    });
    object(at_top, buried, 4)
}

fn object(
    name: impl Strategy<Value = String>,
    member: impl Strategy<Value = Document>,
    most: usize,
) -> impl Strategy<Value = Document> {
    vec((name, member), 0..=most).prop_map(|mut members| {
        let mut names = BTreeSet::new();
        members.retain(|(name, _)| names.insert(name.clone()));
        Document::Object(members)
    })
}

fn text() -> impl Strategy<Value = String> {
    let special = "\"\\/~_\u{1}\u{8}\u{c}\n\r\t\u{1f}\u{7f}é\u{301}\u{2028}\u{feff}\u{ffff}😀𝄞";
    let character = prop_oneof![
        select(special.chars().collect::<Vec<_>>()),
        prop::char::range('a', 'e'),
        any::<char>().prop_filter("no store keeps U+0000", |character| *character != '\0'),
    ];
    vec(character, 0..6).prop_map(String::from_iter)
}

pub(crate) fn name() -> impl Strategy<Value = String> {
    text().prop_filter("a name is not empty", |name| !name.is_empty())
}
