/** Memory is handed out once, from the first free byte on; nothing is given back while an instance lives. */
let free: usize = __heap_base;

/** Zeroed room for so many 32-bit floats, on an address that SIMD likes. */
export function reserve(floats: i32): usize {
  const at = (free + 15) & ~15;
  free = at + (<usize>floats << 2);
  const missing = <i32>((free + 0xffff) >> 16) - memory.size();
  if (missing > 0) memory.grow(missing);
  return at;
}
