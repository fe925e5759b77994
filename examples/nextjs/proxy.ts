import { type NextRequest, NextResponse } from "next/server";

/** Stands in for a sign-in: every browser is a user of its own. */
export function proxy(request: NextRequest): NextResponse {
  const response = NextResponse.next();
  if (!request.cookies.has("demo-user")) {
    response.cookies.set("demo-user", crypto.randomUUID(), { httpOnly: true, sameSite: "lax" });
  }
  return response;
}

export const config = { matcher: "/" };
