import { parentPort } from "node:worker_threads";
import { MixdownError } from "../core/errors.ts";
import { endKernels } from "./kernels/run-kernel.ts";
import { type RenderTask, renderSegment } from "./media/clean/render-segment.ts";
import { type SurveyTask, surveySegment } from "./media/clean/survey-segment.ts";
import { type HearTask, hearSegment } from "./media/encode/hear-segment.ts";
import { type LimitTask, limitSegment } from "./media/master/limit-segment.ts";
import type { TaskAnswer } from "./process/thread-pool.ts";

// Entry point of the threads that share the work on one recording.

type Task = SurveyTask | RenderTask | LimitTask | HearTask;

const work = (task: Task): unknown => {
  switch (task.kind) {
    case "survey":
      return surveySegment(task);
    case "render":
      return renderSegment(task);
    case "limit":
      return limitSegment(task);
    case "hear":
      return hearSegment(task);
  }
};

parentPort?.on("message", (task: Task) => {
  endKernels();
  let answer: TaskAnswer;
  try {
    answer = { result: work(task) };
  } catch (error) {
    answer = error instanceof MixdownError ? { error, code: error.code } : { error };
  }
  parentPort?.postMessage(answer);
});
