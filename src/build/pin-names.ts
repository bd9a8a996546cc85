/** Begins the name of an entry that no named context can stand for: their names have no capital letters. */
export function isPolicyOnly(name: string): boolean {
  return /^(?:FROM|ADD|SYNTAX):/.test(name);
}
