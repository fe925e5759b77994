/**
 * The API under load, by hand; CI runs a sample of it (tests/e2e/load.test.ts). With `npm run test:load -- FLAGS`:
 *   --seconds 60 --rate 500   half submits, half gets, on a platform that accepts only; 0 seconds: not
 *   --p99-ms 50 --slope 10    bars: latency, and growth of resident memory after the first half, MB a minute
 *   --kills 50                kill -9 under submits: whatever was answered 202 must be in the store
 *   --jobs 500 --workers 2    real jobs, which must all succeed, within --minutes 30
 * Ends with 1 when a bar is missed. Latency is a matter of an idle machine; the rest holds anywhere.
 */
import { parseArgs } from "node:util";
import type { Fired } from "./fire.ts";
import { measureJobs, measureKills, measureLoad } from "./measure.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    rate: { type: "string", default: "500" },
    "p99-ms": { type: "string", default: "50" },
    slope: { type: "string", default: "10" },
    kills: { type: "string", default: "50" },
    jobs: { type: "string", default: "500" },
    workers: { type: "string", default: "2" },
    minutes: { type: "string", default: "30" },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function check(what: string, holds: boolean): void {
  if (holds) return;
  print(`MISSED: ${what}`);
  process.exitCode = 1;
}

const describe = (name: string, { count, bad, p50, p975, p99, max }: Fired): string =>
  `${name}: ${count}, p50 ${p50.toFixed(1)} ms, p97.5 ${p975.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms, not 2xx or failed ${bad}`;

const [seconds, rate, p99Ms] = [Number(values.seconds), Number(values.rate), Number(values["p99-ms"])];
if (seconds > 0) {
  const { submits, gets, cpuMsPerRequest, memory } = await measureLoad(seconds, rate);
  print(describe("submits", submits));
  print(describe("gets", gets));
  print(`processor: ${cpuMsPerRequest.toFixed(2)} ms a request`);
  print(
    `memory: ${memory.last.toFixed(0)} MB at the end, ${memory.most.toFixed(0)} MB at most, ${memory.slopePerMinute.toFixed(1)} MB a minute in the second half`,
  );
  check(`p99 below ${p99Ms} ms`, submits.p99 < p99Ms && gets.p99 < p99Ms);
  check("every answer 2xx", submits.bad + gets.bad === 0);
  check(`${rate} requests a second`, submits.count + gets.count >= rate * seconds * 0.98);
  check(`memory grows by less than ${values.slope} MB a minute`, memory.slopePerMinute < Number(values.slope));
}
const kills = Number(values.kills);
if (kills > 0) {
  const { accepted, lost } = await measureKills(kills);
  print(`kills: ${kills}, answered 202: ${accepted}, not in the store: ${lost.length}`);
  check("nothing that was answered 202 is lost", lost.length === 0 && accepted > 0);
}
const jobs = Number(values.jobs);
if (jobs > 0) {
  const startedAt = performance.now();
  const ends = await measureJobs(jobs, Number(values.workers), Number(values.minutes) * 60_000);
  print(`jobs: ${jobs} in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s, ended as ${JSON.stringify(ends)}`);
  check("every job succeeds", ends.succeeded === jobs);
}
