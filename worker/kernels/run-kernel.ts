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
  /** It has ended: another may have its memory. Not needed; without, V8 collects that some day. */
  end(): void;
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

/** Memories of kernels that have ended, and of those that run since `endKernels` was last called. */
const spare: WebAssembly.Memory[] = [];
const lent: WebAssembly.Memory[] = [];
let isLending = false;
/** Kept by whoever ends its kernels one by one. */
const mostSpare = 4;

/**
 * A kernel of its own memory. `setup` is called with `sizes`, after which the memory grows no more: views stay valid.
 * 128-bit SIMD is in every Node on x86-64 and arm64.
 */
export function startKernel(name: keyof typeof codes, sizes: readonly number[]): Kernel {
  const module = compiled.get(name) ?? new WebAssembly.Module(Buffer.from(codes[name], "base64"));
  compiled.set(name, module);
  const memory = takeMemory();
  const { exports } = new WebAssembly.Instance(module, { env: { abort: stopKernel, memory } });
  const call = (entry: string, ...args: readonly (number | boolean)[]): number =>
    (exports[entry] as (...args: readonly (number | boolean)[]) => number)(...args);
  call("setup", ...sizes);
  const { buffer } = memory;
  return {
    call,
    read: (entry) => (exports[entry] as WebAssembly.Global).value as number,
    floats: (address, length) => new Float32Array(buffer, address, length),
    doubles: (address, length) => new Float64Array(buffer, address, length),
    end() {
      // A thread's are taken back together.
      if (!isLending && spare.length < mostSpare) spare.push(memory);
    },
  };
}

function takeMemory(): WebAssembly.Memory {
  const used = spare.pop();
  if (used !== undefined) new Uint8Array(used.buffer).fill(0);
  const memory = used ?? new WebAssembly.Memory({ initial: 1 });
  if (isLending) lent.push(memory);
  return memory;
}

/**
 * For a thread that works on one task after another: all kernels that were started since the last call have ended, and
 * the next ones are given their memories. To collect them instead was a tenth of its time.
 */
export function endKernels(): void {
  isLending = true;
  spare.push(...lent.splice(0));
}

function stopKernel(): never {
  throw new RangeError("a kernel reached what it must not");
}
