import { createRemoteJWKSet, jwtVerify } from "jose";
import { MixdownError } from "../core/errors.ts";
import type { JwtSettings } from "./deps.ts";

/** Verifies tokens of an identity provider against its JWKS (fetched once and kept); gives the owner claim. */
export function createTokenVerifier(settings: JwtSettings): (token: string) => Promise<unknown> {
  const keySet = createRemoteJWKSet(new URL(settings.jwksUrl));
  const { issuer, audience, ownerClaim } = settings;
  return async (token) => {
    try {
      // Asymmetric algorithms only: with HMAC a published key would be a secret.
      const algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];
      const { payload } = await jwtVerify(token, keySet, { issuer, audience, algorithms, requiredClaims: ["exp"] });
      return payload[ownerClaim];
    } catch (cause) {
      throw new MixdownError("auth_invalid", { message: "The token is not valid here, or no longer.", cause });
    }
  };
}
