import {
  cancelCode,
  denoiseCode,
  integersCode,
  limitCode,
  loudnessCode,
  notchCode,
  surveyCode,
} from "./kernel-code.ts";

/** The kernels' exports: functions of numbers, and addresses in their memory. */
export interface Kernel {
  call(name: string, ...args: readonly (number | boolean)[]): number;
  /** The value of an exported global. */
  read(name: string): number;
  floats(address: number, length: number): Float32Array;
  doubles(address: number, length: number): Float64Array;
}

const compiled = new Map<string, WebAssembly.Module>();
const codes = {
  cancel: cancelCode,
  denoise: denoiseCode,
  integers: integersCode,
  limit: limitCode,
  loudness: loudnessCode,
  notch: notchCode,
  survey: surveyCode,
};

/**
 * A kernel of its own memory. `setup` is called with `sizes`, after which the memory grows no more: views stay valid.
 * 128-bit SIMD is in every Node on x86-64 and arm64.
 */
export function startKernel(name: keyof typeof codes, sizes: readonly number[]): Kernel {
  const module = compiled.get(name) ?? new WebAssembly.Module(Buffer.from(codes[name], "base64"));
  compiled.set(name, module);
  const { exports } = new WebAssembly.Instance(module, { env: { abort: stopKernel } });
  const { memory } = exports;
  const call = (entry: string, ...args: readonly (number | boolean)[]): number =>
    (exports[entry] as (...args: readonly (number | boolean)[]) => number)(...args);
  call("setup", ...sizes);
  const { buffer } = memory as WebAssembly.Memory;
  return {
    call,
    read: (entry) => (exports[entry] as WebAssembly.Global).value as number,
    floats: (address, length) => new Float32Array(buffer, address, length),
    doubles: (address, length) => new Float64Array(buffer, address, length),
  };
}

function stopKernel(): never {
  throw new RangeError("a kernel reached what it must not");
}
