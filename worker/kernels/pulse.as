import { forward, fourierInput, inverse, setupFourier } from "./fourier";
import { reserve } from "./memory";

/** Pulses in the shape of a sound's spectrum, each made once it is needed; see peak-canceller.ts. */
let kappa: f32 = 0;
/** Of the highest power: no bin is quite without. */
const leastPower: f32 = 1e-9;

export function weighEnergy(weight: f32): void {
  kappa = weight;
}

let size: i32 = 0;
let half: i32 = 0;
let slots: i32 = 0;
/** Where the first frame of the grid has its slot: they go round. */
let turn: i32 = 0;
let pulses: usize = 0;
/** A word for each slot tells whether its pulse is made. */
let made: usize = 0;
let re: usize = 0;
let im: usize = 0;
let powers: usize = 0;
/** Of one pulse, filled up with silence. */
export let pulseBytes: usize = 0;
/** Window of the spectra. */
export let weights: usize = 0;
/** That of the pulses, from their middle on. */
export let taper: usize = 0;

/** Spectra of `frameSize` frames, pulses of `2 * halfLength + 1`, for so many frames of the grid at a time. */
export function setupPulses(frameSize: i32, halfLength: i32, slotCount: i32): void {
  size = frameSize;
  half = halfLength;
  slots = slotCount;
  pulseBytes = <usize>(2 * half + 4) << 2;
  pulses = reserve(slots * (2 * half + 4));
  made = reserve(slots);
  weights = reserve(size);
  taper = reserve(half + 1);
  setupFourier(size / 2);
  re = reserve(size / 2 + 4);
  im = reserve(size / 2 + 4);
  powers = reserve(size / 2 + 4);
}

function slotOf(frame: i32): i32 {
  return (frame + turn) % slots;
}

export function pulseAt(frame: i32): usize {
  return pulses + <usize>slotOf(frame) * pulseBytes;
}

/** The first frames of the grid are gone; the next one is now the first. */
export function dropPulses(count: i32): void {
  for (let frame = 0; frame < count; frame++) store<i32>(made + (<usize>slotOf(frame) << 2), 0);
  turn = (turn + count) % slots;
}

/**
 * The pulse of a frame of the grid whose sound begins at `first`, in `channels` rows: the power spectrum of all of them,
 * flattened where it is high, as a wave without phase whose middle is 1.
 */
export function makePulse(frame: i32, first: usize, channels: i32, row: usize): void {
  const slot = made + (<usize>slotOf(frame) << 2);
  if (load<i32>(slot) != 0) return;
  store<i32>(slot, 1);
  const points = <usize>size << 1;
  memory.fill(powers, 0, points + 16);
  for (let channel = 0; channel < channels; channel++) addPowers(first + <usize>channel * row);
  let most: f32 = 1e-30;
  for (let bin: usize = 0; bin <= points; bin += 4) most = max(most, load<f32>(powers + bin));
  for (let bin: usize = 0; bin <= points; bin += 4) {
    const power: f32 = load<f32>(powers + bin) / most + leastPower;
    store<f32>(re + bin, power / (1 + kappa * power));
  }
  memory.fill(im, 0, points + 16);
  const z = inverse(re, im);
  const middle = pulseAt(frame) + (<usize>half << 2);
  const scale: f32 = <f32>1 / load<f32>(z);
  for (let off = 0; off <= half; off++) {
    const at = z + (<usize>(off >> 1) << 2);
    const value = (off & 1) == 0 ? load<f32>(at) : -load<f32>(at + points);
    const level = value * scale * load<f32>(taper + (<usize>off << 2));
    store<f32>(middle + (<usize>off << 2), level);
    store<f32>(middle - (<usize>off << 2), level);
  }
}

/** The power spectrum of one row, onto what is there. */
function addPowers(first: usize): void {
  const z = fourierInput();
  const points = <usize>size << 1;
  for (let at: usize = 0, to: usize = 0; to < points; at += 32, to += 16) {
    const a = f32x4.mul(v128.load(first + at), v128.load(weights + at));
    const b = f32x4.mul(v128.load(first + at, 16), v128.load(weights + at, 16));
    v128.store(z + to, v128.shuffle<f32>(a, b, 0, 2, 4, 6));
    v128.store(z + points + to, v128.shuffle<f32>(a, b, 1, 3, 5, 7));
  }
  forward(re, im);
  for (let bin: usize = 0; bin <= points; bin += 16) {
    const real = v128.load(re + bin);
    const imaginary = v128.load(im + bin);
    const power = f32x4.add(f32x4.mul(real, real), f32x4.mul(imaginary, imaginary));
    v128.store(powers + bin, f32x4.add(v128.load(powers + bin), power));
  }
}
