/** When guidance is left out, which saves the unconditional call, or changes. */
export interface GuidanceSteps {
  cfgScale: number;
  /** How many calls of the model the run makes. */
  calls: number;
  /** Below this level every other call goes without guidance ("negative guidance minimum sigma"); 0 for never. */
  minSigma: number;
  /** Below that level all calls do. */
  minSigmaForAll: boolean;
  /** The share of calls at the beginning that go without guidance ("skip early CFG"): 0 … 1. */
  skipEarly: number;
}

/** How strong guidance is at a call, counted from 0, as Forge decides it; 1 where it is left out. */
export function guidanceStrength({
  cfgScale,
  calls,
  minSigma,
  minSigmaForAll,
  skipEarly,
}: GuidanceSteps): (call: number, sigma: number) => number {
  return (call, sigma) => {
    const isEarly = skipEarly > 0 && call / calls <= skipEarly;
    const isLate = sigma < minSigma && (minSigmaForAll || call % 2 === 1);
    return isEarly || isLate ? 1 : cfgScale;
  };
}
