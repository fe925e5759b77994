/** Put your own session check here: who asks, or `null` for nobody. It is written to the user's jobs as metadata. */
export function readUser(request: Request): { userId: string } | null {
  const name = /(?:^|;\s*)demo-user=([A-Za-z0-9_-]{1,64})/.exec(request.headers.get("cookie") ?? "")?.[1];
  return name === undefined ? null : { userId: name };
}
