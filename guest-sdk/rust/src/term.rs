//! Terms, the values that messages and exit reasons are made of, and their form as CBOR (RFC 8949).

use crate::host::{TAG_FUNCTION, TAG_PID, TAG_REF};
use crate::{Pid, Ref};

/// A term. Integers are those of CBOR, -2^64 to 2^64-1; larger ones are `Tag` 2 and 3.
#[derive(Clone, PartialEq, Debug)]
pub enum Term {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Term>),
    Map(Vec<(Term, Term)>),
    Pid(Pid),
    Ref(Ref),
    /// A module's hash, an export, a zero byte and a name: kept as it came.
    Function(Vec<u8>),
    Tag(u64, Box<Term>),
    Simple(u8),
}

impl From<&str> for Term {
    fn from(text: &str) -> Term {
        Term::Text(text.to_string())
    }
}

impl From<i64> for Term {
    fn from(n: i64) -> Term {
        Term::Int(n.into())
    }
}

/// How deeply arrays, maps and tags of a decoded term may nest.
const MAX_DEPTH: u32 = 128;

impl Term {
    /// The core deterministic encoding (RFC 8949 section 4.2.1): equal terms have equal encodings.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append(&mut out);
        out
    }

    /// Reads the one term that b holds; none when b holds anything else. Indefinite lengths, which
    /// the deterministic encoding lacks, are nothing this reads.
    pub fn decode(b: &[u8]) -> Option<Term> {
        let mut rest = b;
        let term = decode(&mut rest, 0)?;
        rest.is_empty().then(|| term)
    }

    fn append(&self, out: &mut Vec<u8>) {
        match self {
            Term::Null => out.push(0xf6),
            Term::Bool(b) => out.push(0xf4 + *b as u8),
            Term::Int(n) if *n >= 0 => head(out, 0, *n as u64),
            Term::Int(n) => head(out, 1, (-1 - n) as u64),
            Term::Float(f) => float(out, *f),
            Term::Bytes(b) => string(out, 2, b),
            Term::Text(s) => string(out, 3, s.as_bytes()),
            Term::Array(list) => {
                head(out, 4, list.len() as u64);
                list.iter().for_each(|t| t.append(out));
            }
            Term::Map(entries) => {
                let mut encoded: Vec<_> = entries.iter().map(|(k, v)| (k.encode(), v)).collect();
                encoded.sort_by(|a, b| a.0.cmp(&b.0));
                head(out, 5, encoded.len() as u64);
                for (key, value) in encoded {
                    out.extend(key);
                    value.append(out);
                }
            }
            Term::Pid(p) => tagged(out, TAG_PID, &id_bytes(p.node, p.num)),
            Term::Ref(r) => tagged(out, TAG_REF, &id_bytes(r.node, r.num)),
            Term::Function(b) => tagged(out, TAG_FUNCTION, b),
            Term::Tag(number, content) => {
                head(out, 6, *number);
                content.append(out);
            }
            Term::Simple(n) => head(out, 7, (*n).into()),
        }
    }
}

/// Writes a major type and its argument in as few bytes as it fits.
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_be_bytes();
    let (info, size) = match argument {
        0..=23 => (argument as u8, 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend(&bytes[8 - size..]);
}

fn string(out: &mut Vec<u8>, major: u8, b: &[u8]) {
    head(out, major, b.len() as u64);
    out.extend(b);
}

fn tagged(out: &mut Vec<u8>, tag: u64, b: &[u8]) {
    head(out, 6, tag);
    string(out, 2, b);
}

fn id_bytes(node: u64, num: u64) -> [u8; 16] {
    (u128::from(num) << 64 | u128::from(node)).to_le_bytes()
}

/// Writes the shortest float that has the same value. There is one NaN.
fn float(out: &mut Vec<u8>, f: f64) {
    if f.is_nan() {
        out.extend([0xf9, 0x7e, 0]);
    } else if let Some(h) = to_half(f) {
        out.push(0xf9);
        out.extend(h.to_be_bytes());
    } else if f64::from(f as f32) == f {
        out.push(0xfa);
        out.extend((f as f32).to_be_bytes());
    } else {
        out.push(0xfb);
        out.extend(f.to_be_bytes());
    }
}

/// The float of 16 bits that has the value of f, if one has: every such value is a multiple of 2^-24.
fn to_half(f: f64) -> Option<u16> {
    let sign = (f.to_bits() >> 48 & 0x8000) as u16;
    if f.is_infinite() {
        return Some(sign | 0x7c00);
    }
    let scaled = f.abs() * f64::from(1 << 24);
    if scaled.fract() != 0.0 || scaled > 65504.0 * f64::from(1 << 24) {
        return None;
    }
    let units = scaled as u64;
    let shift = (64 - units.leading_zeros()).saturating_sub(11);
    if units >> shift << shift != units {
        return None;
    }
    let mantissa = (units >> shift) as u16; // 11 bits, the first of which the exponent stands for
    Some(sign | if mantissa < 0x400 { mantissa } else { ((shift as u16) << 10) + mantissa })
}

fn from_half(h: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(h >> 10 & 0x1f), f64::from(h & 0x3ff));
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => return f64::NAN,
        _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
    };
    if h >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

fn take<'a>(b: &mut &'a [u8], n: u64) -> Option<&'a [u8]> {
    let n = usize::try_from(n).ok().filter(|n| *n <= b.len())?;
    let (front, rest) = b.split_at(n);
    *b = rest;
    Some(front)
}

fn decode(b: &mut &[u8], depth: u32) -> Option<Term> {
    let first = take(b, 1)?[0];
    let (major, info) = (first >> 5, first & 0x1f);
    let argument = match info {
        0..=23 => info.into(),
        24..=27 => take(b, 1 << (info - 24))?.iter().fold(0, |n, x| n << 8 | u64::from(*x)),
        _ => return None,
    };
    if major >= 4 && major <= 6 && depth >= MAX_DEPTH {
        return None;
    }
    Some(match major {
        0 => Term::Int(argument.into()),
        1 => Term::Int(-1 - i128::from(argument)),
        2 => Term::Bytes(take(b, argument)?.to_vec()),
        3 => Term::Text(String::from_utf8(take(b, argument)?.to_vec()).ok()?),
        4 => Term::Array(several(b, argument, |b| decode(b, depth + 1))?),
        5 => Term::Map(several(b, argument, |b| Some((decode(b, depth + 1)?, decode(b, depth + 1)?)))?),
        6 => tag(argument, decode(b, depth + 1)?)?,
        _ => simple(info, argument)?,
    })
}

/// Reads n items. The list grows with the input, not on the word of n.
fn several<T>(b: &mut &[u8], n: u64, item: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let mut list = Vec::new();
    for _ in 0..n {
        list.push(item(b)?);
    }
    Some(list)
}

fn tag(number: u64, content: Term) -> Option<Term> {
    let bytes = match (number, content) {
        (TAG_PID, Term::Bytes(b)) | (TAG_REF, Term::Bytes(b)) => b,
        (TAG_FUNCTION, Term::Bytes(b)) => return Some(Term::Function(b)),
        (TAG_PID, _) | (TAG_REF, _) | (TAG_FUNCTION, _) => return None,
        (_, content) => return Some(Term::Tag(number, Box::new(content))),
    };
    let id = u128::from_le_bytes(bytes.try_into().ok()?);
    let (node, num) = (id as u64, (id >> 64) as u64);
    Some(if number == TAG_PID { Term::Pid(Pid { node, num }) } else { Term::Ref(Ref { node, num }) })
}

fn simple(info: u8, argument: u64) -> Option<Term> {
    Some(match info {
        20 | 21 => Term::Bool(info == 21),
        22 | 23 => Term::Null,
        24 if argument < 32 => return None,
        25 => Term::Float(from_half(argument as u16)),
        26 => Term::Float(f32::from_bits(argument as u32).into()),
        27 => Term::Float(f64::from_bits(argument)),
        _ => Term::Simple(argument as u8),
    })
}
