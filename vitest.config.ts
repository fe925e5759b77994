import { defineConfig } from "vitest/config";

/** What takes minutes a file runs with MIXDOWN_TEST_FULL=1. */
const isFull = process.env.MIXDOWN_TEST_FULL === "1";
const shared = { sequence: { shuffle: true }, environment: "node" } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["tests/unit/**/*.test.ts", "tests/architecture.test.ts"],
          // Properties take a second alone, and ten on a machine that is busy with other things.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...shared,
          name: "contract",
          include: ["tests/contract/**/*.test.ts"],
          exclude: ["tests/contract/**/*.aws.test.ts"],
          testTimeout: 30_000,
        },
      },
      // The same suites on an AWS emulator: AWS_ENDPOINT_URL, or one that is started where it lies beside the checkout.
      {
        test: {
          ...shared,
          name: "contract-aws",
          include: ["tests/contract/**/*.aws.test.ts"],
          globalSetup: ["tests/fixtures/aws-setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // The Terraform JSON: nothing is started, nothing is called.
      {
        test: {
          ...shared,
          name: "synth",
          include: ["tests/synth/**/*.test.ts"],
          exclude: ["tests/synth/checkov.test.ts"],
          testTimeout: 60_000,
        },
      },
      // The same JSON under checkov, which it installs itself.
      {
        test: {
          ...shared,
          name: "checkov",
          include: ["tests/synth/checkov.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          ...shared,
          name: "media",
          include: ["tests/media/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      // Slow: scores by Python packages, which it installs itself.
      {
        test: {
          ...shared,
          name: "quality",
          include: ["tests/quality/**/*.test.ts"],
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
      // One file at a time: these start whole process trees and look at what is left of them.
      {
        test: {
          ...shared,
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          testTimeout: 300_000,
          fileParallelism: false,
        },
      },
      // The way of a job through real functions and workers on an emulator; one file at a time.
      {
        test: {
          ...shared,
          name: "rig",
          include: ["tests/cloud/rig/**/*.test.ts"],
          // On what Terraform applied, which takes minutes: with the cloud's tests.
          exclude: ["tests/cloud/rig/applied.test.ts"],
          globalSetup: ["tests/fixtures/aws-setup.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      // An emulator of AWS, and Terraform on it; one file at a time, since names in an account are one space.
      {
        test: {
          ...shared,
          name: "cloud",
          include: ["tests/cloud/*.test.ts", ...(isFull ? ["tests/cloud/rig/applied.test.ts"] : [])],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      // Builds the worker's images for real: minutes, root, buildah and debootstrap.
      {
        test: {
          ...shared,
          name: "images",
          include: ["tests/images/**/*.test.ts"],
          globalSetup: ["tests/fixtures/aws-setup.ts"],
          testTimeout: 300_000,
          hookTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
      // Real Chromium, and a Next.js app that is installed and built; one file at a time.
      {
        test: {
          ...shared,
          name: "browser",
          include: ["tests/browser/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
