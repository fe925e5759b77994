export declare function readCacheDir(env?: NodeJS.ProcessEnv): string;
export declare function startCompileCache(): void;
