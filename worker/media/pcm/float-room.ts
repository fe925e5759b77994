/** Where a filter puts what it gives: so many floats. */
export type FloatRoom = (length: number) => Float32Array;

/** Each time its own: whoever is given it may keep it. */
export const freshRoom: FloatRoom = (length) => new Float32Array(length);

/** Always the same, valid until the next time: for whoever is done with it by then, and shall leave no garbage. */
export function createSameRoom(): FloatRoom {
  let room = new Float32Array(0);
  return (length) => {
    if (room.length < length) room = new Float32Array(length);
    return room.subarray(0, length);
  };
}
