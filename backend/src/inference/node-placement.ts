import type { PlacedOperator } from '@atelier/sdk/contracts';

/** Sides of a tensor, at most: what has more numbers is no shape. */
const MOST_SIDES = 8;

/** What ONNX Runtime writes of a node that ran, as far as it matters here. */
interface ProfileEvent {
  cat: string;
  name: string;
  args: { op_name?: string; provider?: string; output_type_shape?: Record<string, readonly number[]>[] };
}

/** Reads from a profile of ONNX Runtime which operators ran where, most frequent first. */
export function placementIn(profile: string): PlacedOperator[] {
  const placed = new Map<string, PlacedOperator>();
  for (const { cat, name, args } of JSON.parse(profile) as ProfileEvent[]) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || args.op_name === undefined) continue;
    const node = {
      operator: args.op_name,
      onCpu: args.provider === 'CPUExecutionProvider',
      isShapeArithmetic: (args.output_type_shape ?? []).every(isShape),
    };
    const key = JSON.stringify(node);
    placed.set(key, { ...node, count: (placed.get(key)?.count ?? 0) + 1 });
  }
  return [...placed.values()].sort((a, b) => b.count - a.count);
}

/** Whether an output, `{ int64: [4] }`, is a list of sides. */
function isShape(output: Record<string, readonly number[]>): boolean {
  return Object.entries(output).every(([type, dims]) => type === 'int64' && dims.reduce((size, side) => size * side, 1) <= MOST_SIDES);
}
