//! A plain decoder of DEFLATE (RFC 1951), slow and without a window of its own, to check the other one by.

/// What a stream of blocks holds, and how far back it refers at most.
#[derive(Default, Debug)]
pub(crate) struct Decoder {
    pub(crate) output: Vec<u8>,
    pub(crate) farthest: usize,
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> usize {
        let bit = self.bytes[self.at / 8] >> (self.at % 8) & 1;
        self.at += 1;
        usize::from(bit)
    }

    fn number(&mut self, bits: u32) -> usize {
        (0..bits).fold(0, |number, n| number | self.bit() << n)
    }

    fn bytes(&mut self, n: usize) -> &[u8] {
        let from = self.at.div_ceil(8);
        self.at = (from + n) * 8;
        &self.bytes[from..from + n]
    }
}

/// A canonical code (RFC 1951 §3.2.2).
struct Code {
    /// How many symbols have a code of this length.
    counts: [usize; 16],
    /// In the order of their codes.
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().filter(|length| **length > 0).for_each(|length| counts[*length] += 1);
        let mut symbols: Vec<usize> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        Self { counts, symbols }
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first, mut shorter) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.bit();
            if code < first + count {
                return self.symbols[shorter + code - first];
            }
            shorter += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        panic!("no code of this alphabet");
    }
}

impl Decoder {
    /// Decodes blocks that end with the last byte.
    pub(crate) fn decode(&mut self, bytes: &[u8]) {
        let mut bits = Bits { bytes, at: 0 };
        while bits.at.div_ceil(8) < bytes.len() {
            bits.bit();
            match bits.number(2) {
                0 => {
                    let len = bits.bytes(4);
                    assert_eq!([!len[0], !len[1]], len[2..], "the complement of the length");
                    let len = usize::from(len[0]) | usize::from(len[1]) << 8;
                    self.output.extend_from_slice(bits.bytes(len));
                }
                1 => {
                    let literals: Vec<usize> = (0..288)
                        .map(|symbol| match symbol {
                            0..144 | 280.. => 8,
                            144..256 => 9,
                            _ => 7,
                        })
                        .collect();
                    self.block(&mut bits, &Code::new(&literals), &Code::new(&[5; 30]));
                }
                2 => {
                    let (literals, distances) = codes(&mut bits);
                    self.block(&mut bits, &literals, &distances);
                }
                _ => panic!("a reserved type of block"),
            }
        }
    }

    fn block(&mut self, bits: &mut Bits<'_>, literals: &Code, distances: &Code) {
        loop {
            match literals.symbol(bits) {
                literal @ 0..256 => self.output.push(literal as u8),
                256 => return,
                length => {
                    let length = match length - 257 {
                        short @ 0..8 => short + 3,
                        28 => 258,
                        n => {
                            let extra = (n as u32 - 4) / 4;
                            ((4 + n % 4) << extra) + 3 + bits.number(extra)
                        }
                    };
                    let distance = match distances.symbol(bits) {
                        near @ 0..4 => near + 1,
                        n => {
                            let extra = (n as u32 - 2) / 2;
                            ((2 + n % 2) << extra) + 1 + bits.number(extra)
                        }
                    };
                    self.farthest = self.farthest.max(distance);
                    for _ in 0..length {
                        self.output.push(self.output[self.output.len() - distance]);
                    }
                }
            }
        }
    }
}

/// RFC 1951 §3.2.7: the lengths of the codes for literals and for distances.
fn codes(bits: &mut Bits<'_>) -> (Code, Code) {
    let literals = bits.number(5) + 257;
    let distances = bits.number(5) + 1;
    let mut of_lengths = [0; 19];
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let n = bits.number(4) + 4;
    order[..n].iter().for_each(|&symbol| of_lengths[symbol] = bits.number(3));
    let of_lengths = Code::new(&of_lengths);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match of_lengths.symbol(bits) {
            16 => (*lengths.last().unwrap(), 3 + bits.number(2)),
            17 => (0, 3 + bits.number(3)),
            18 => (0, 11 + bits.number(7)),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    (Code::new(&lengths[..literals]), Code::new(&lengths[literals..]))
}
