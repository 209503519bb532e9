// SPDX-License-Identifier: Apache-2.0
//! Answers as bytes, the way they lie in a guest's memory from 2048 on.

use super::guest::{Guest, description};

/// Pointer and length as bytes.
pub fn words((pointer, length): (u32, u32)) -> Vec<u8> {
    [pointer.to_le_bytes(), length.to_le_bytes()].concat()
}

/// Bytes put at their addresses, from 2048.
pub fn image(parts: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let end = parts.iter().map(|(at, bytes)| at + bytes.len()).max().unwrap_or(2048);
    let mut data = vec![0_u8; end - 2048];
    for (at, bytes) in parts {
        data[at - 2048..at - 2048 + bytes.len()].copy_from_slice(bytes);
    }
    data
}

/// The texts that answers point to.
fn texts() -> Vec<(usize, Vec<u8>)> {
    vec![
        (2300, b"hostile".to_vec()),
        (2310, b"because".to_vec()),
        (2320, b"month".to_vec()),
        (2330, b"no-such".to_vec()),
        (2340, b"limit-records".to_vec()),
        (2360, b"count".to_vec()),
        (2370, b"inform-client".to_vec()),
        (2390, b"reason".to_vec()),
    ]
}

/// `decided::refuse` at 2048, for a reason by its index.
pub fn refusal(reason: u32) -> Vec<u8> {
    image(&[(2048, vec![1]), (2052, reason.to_le_bytes().to_vec())])
}

/// `decided::narrow` at 2048 whose narrowing starts at 2052: exceptions, conditions, obligations (pointer and length
/// each), review. Texts stand at 2300.
pub fn narrowing(
    exceptions: (u32, u32),
    conditions: (u32, u32),
    obligations: (u32, u32),
    more: &[(usize, Vec<u8>)],
) -> Vec<u8> {
    let lists = [exceptions, conditions, obligations].map(words).concat();
    let parts = [vec![(2048, vec![2]), (2052, lists), (2076, vec![0])], texts(), more.to_vec()].concat();
    image(&parts)
}

/// `reviewed` at 2048: row rulings at 2500, one after the other.
pub fn reviewed(rows: &[Vec<u8>], more: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let count = u32::try_from(rows.len()).unwrap();
    image(&[vec![(2048, words((2500, count))), (2500, rows.concat())], texts(), more.to_vec()].concat())
}

/// What `configure` answers at 5000 that declares these reasons; they stand behind it.
pub fn declared(reasons: &[Vec<u8>]) -> Vec<(usize, Vec<u8>)> {
    let list = (5012, u32::try_from(reasons.len()).unwrap());
    vec![(5000, [vec![0; 4], words(list)].concat()), (5012, reasons.concat())]
}

/// For `configure`, where the data holds what [`declared`] gives.
pub const CONFIGURE: &str = "i32.const 5000";

/// A reason: code, message, the index of a provision.
pub fn reason(code: (u32, u32), message: (u32, u32), provision: Option<u32>) -> Vec<u8> {
    let provision = provision.map_or((0, 0), |index| (1, index));
    [words(code), words(message), words(provision)].concat()
}

/// An exception: field, visibility (hide, or a mask by its text), reason.
pub fn exception(field: u32, mask: Option<(u32, u32)>, reason: u32) -> Vec<u8> {
    let to = match mask {
        None => [vec![0, 0, 0, 0], vec![0; 8]].concat(),
        Some(text) => [vec![1, 0, 0, 0], words(text)].concat(),
    };
    [field.to_le_bytes().to_vec(), to, reason.to_le_bytes().to_vec()].concat()
}

/// A value by its case, with eight bytes of payload. It must lie at a multiple of eight.
pub fn value(case: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[0] = case;
    bytes[8..8 + payload.len()].copy_from_slice(payload);
    bytes
}

/// A condition: fact, test, value, reason. It must lie at a multiple of eight.
pub fn condition(fact: u32, test: u8, value: &[u8], reason: u32) -> Vec<u8> {
    let test = vec![test, 0, 0, 0];
    [&fact.to_le_bytes()[..], &test, value, &reason.to_le_bytes(), &[0; 4]].concat()
}

/// An attribute: name, value. It must lie at a multiple of eight.
pub fn attribute(name: (u32, u32), value: &[u8]) -> Vec<u8> {
    [words(name), value.to_vec()].concat()
}

/// An obligation: code, attributes.
pub fn obligation(code: (u32, u32), attributes: (u32, u32)) -> Vec<u8> {
    [words(code), words(attributes)].concat()
}

/// A row ruling: row, no reason to leave it out, exceptions.
pub fn row_ruling(row: u32, exceptions: (u32, u32)) -> Vec<u8> {
    [row.to_le_bytes().to_vec(), vec![0; 8], words(exceptions)].concat()
}

/// A row ruling that leaves a row out: row, the case of the option, the reason by its index.
pub fn leaving_out(row: u32, case: u8, reason: u32) -> Vec<u8> {
    [row.to_le_bytes().to_vec(), vec![case, 0, 0, 0], reason.to_le_bytes().to_vec(), vec![0; 8]].concat()
}

/// A rule that declares its settings for the message of a reason, and refuses for it.
pub fn repeating() -> Guest {
    Guest {
        configure: "(memory.copy (i32.const 8192) (local.get 0) (local.get 1))
                    (i32.store (i32.const 2092) (local.get 1)) (i32.const 2064)",
        decide: "i32.const 2048",
        data: image(&[
            (2048, vec![1]),
            (2064, [vec![0; 4], words((2080, 1))].concat()),
            (2080, reason((2300, 7), (8192, 0), None)),
            (2300, b"hostile".to_vec()),
        ]),
        ..Guest::default()
    }
}

/// A rule with a schema of its own, and with more in its memory.
pub fn with_schema(schema: &str, more: &[(usize, Vec<u8>)]) -> Guest {
    let mut said = description((0, 0));
    said[24..32].copy_from_slice(&words((9000, u32::try_from(schema.len()).unwrap())));
    let own = [(2048, said), (9000, schema.as_bytes().to_vec())];
    Guest { describe: "i32.const 2048", data: image(&[&own[..], more].concat()), ..Guest::default() }
}
