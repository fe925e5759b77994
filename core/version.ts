import packageJson from "../package.json" with { type: "json" };

export const mixdownVersion: string = packageJson.version;
