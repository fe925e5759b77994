/** By pairs of bytes: half the steps for the megabytes of a long recording. */
const table = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xa001 : value >>> 1;
  table[byte] = value;
}
const second = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  const value = table[byte] ?? 0;
  second[byte] = (value >>> 8) ^ (table[value & 0xff] ?? 0);
}

/** CRC-16 with polynomial x^16 + x^15 + x^2 + 1, reflected, from 0: the one of LAME's tag. Continue with the result. */
export function updateCrc16(crc: number, bytes: Uint8Array): number {
  let value = crc;
  const even = bytes.length & ~1;
  for (let at = 0; at < even; at += 2) {
    value ^= (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    value = (second[value & 0xff] as number) ^ (table[value >>> 8] as number);
  }
  if (even < bytes.length) value = (value >>> 8) ^ (table[(value ^ (bytes[even] as number)) & 0xff] as number);
  return value;
}
