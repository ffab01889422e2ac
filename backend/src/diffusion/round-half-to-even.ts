/** The nearest whole number; a tie goes to the even one, as in NumPy and PyTorch. */
export function roundHalfToEven(value: number): number {
  const low = Math.floor(value);
  if (value - low === 0.5) return low % 2 === 0 ? low : low + 1;
  return Math.round(value);
}
