import type { Findings, ProviderFinding } from './examination.js';

/** The findings for people, line by line. */
export function doctorText({ machine, runtime, providers, chosen, onCpu, models, obstacles }: Findings): string {
  const { node, npm, system, processor, physicalCores, threads, memoryBytes, freeMemoryBytes, memoryLimitBytes, folders } = machine;
  const limit = memoryLimitBytes === null ? '' : `; this container may use ${bytes(memoryLimitBytes)}`;
  const lines = [
    'Machine',
    `  Node ${node}, npm ${npm ?? '(not started by npm)'}, ${system}`,
    `  ${processor}, physical cores: ${physicalCores}, threads of a model call: ${threads}`,
    `  Memory: ${bytes(memoryBytes)}, available: ${bytes(freeMemoryBytes)}${limit}`,
    ...folders.map(({ folder, freeBytes, isWritable }) => `  ${folder}: ${bytes(freeBytes)} free${isWritable ? '' : ', read only'}`),
    '',
    `Devices (${runtime ?? 'ONNX Runtime does not start'})`,
    ...providers.flatMap(providerLines),
    `  Models run on ${chosen.provider}, because ${chosen.because}.`,
    ...(onCpu === null ? [] : ['', `Operators of Stable Diffusion 1 that run on the CPU under ${chosen.provider}`]),
    ...Object.entries(onCpu ?? {}).map(([network, { computing, shapeArithmetic }]) => {
      const shapes = shapeArithmetic.length === 0 ? '' : ` (sides of tensors are worked out there: ${shapeArithmetic.join(', ')})`;
      return `  ${network}: ${computing.join(', ') || 'none'}${shapes}`;
    }),
    '',
    'Models',
    ...models.flatMap(({ kind, usable, unusable }) => [
      `  ${kind}: ${usable.length} can be used${unusable.length === 0 ? '' : `, ${unusable.length} cannot:`}`,
      ...unusable.map(({ name, why }) => `    ${name}: ${why}`),
    ]),
    '',
    ...(obstacles.length === 0 ? ['A picture can be made.'] : obstacles.map(({ message, hint }) => `${message} ${hint}`)),
  ];
  return `${lines.join('\n')}\n`;
}

function providerLines(finding: ProviderFinding): string[] {
  if (!finding.works) return [`  ${finding.provider}: no. ${finding.why}`, `    ${finding.toInstall}`];
  const { provider, timesCpuSpeed, halfPrecision, replacedOperators } = finding;
  if (provider === 'cpu') return ['  cpu: works'];
  const notes = [
    `${timesCpuSpeed.toPrecision(2)} times the speed of the CPU`,
    ...(halfPrecision ? [] : ['no half precision, so it gets widened weights, and words are looked up on the CPU']),
    ...(replacedOperators.length === 0
      ? []
      : [`${replacedOperators.join(', ')} answers wrongly here and is replaced by simpler operators`]),
  ];
  return [`  ${provider}: works; ${notes.join('; ')}`];
}

function bytes(count: number): string {
  return count < 10e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.round(count / 1e9)} GB`;
}
