/** Why a file, or a set of them, is not for the fast way; the exact way takes it, behind the full gate. */
export class Doubt extends Error {
  override readonly name = "Doubt";
}
