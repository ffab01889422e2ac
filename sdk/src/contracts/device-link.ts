import { z } from 'zod';
import { ErrorReport } from '../errors.js';

/** What runs models, as ONNX Runtime calls it. */
export const Provider = z.enum(['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml']);
export type Provider = z.infer<typeof Provider>;

/** Where a person wants models to run. `auto` takes the fastest that works here and says why; every other value is taken literally. */
export const DeviceChoice = z.enum(['auto', ...Provider.options]);
export type DeviceChoice = z.infer<typeof DeviceChoice>;

/** How the device process is to work. */
export const DeviceOptions = z.object({
  provider: Provider.default('cpu'),
  chosenBecause: z.string().default('nothing else was asked for'),
  copiesWeights: z.boolean().default(false).describe('Some graphs will be prepacked: memory is managed for large copies that come and go.'),
  threads: z.int().positive().nullable().default(null).describe('Threads of one model call; null for one a physical core.'),
});
export type DeviceOptions = z.output<typeof DeviceOptions>;

/** What was chosen, and what it costs now. */
export const DeviceFacts = z.object({
  provider: Provider,
  chosenBecause: z.string().describe('Completes the sentence "It runs there because …".'),
  threads: z.int(),
  /** Whether it can load and widen half-precision weights itself. */
  halfPrecision: z.boolean(),
  /** Fused operators that answer wrongly here; graphs that are opened get simpler ones in their place. */
  replacedOperators: z.array(z.string()),
  runtime: z.string().describe('Name and version of the runtime.'),
  /** Resident memory of the process; mapped weights count in it while they are in use. */
  memoryBytes: z.int(),
  sessions: z.int(),
  /** Tensors that were put or kept and not freed. */
  tensors: z.int(),
});
export type DeviceFacts = z.infer<typeof DeviceFacts>;

/** Typed arrays over any kind of memory; `z.instanceof` would ask for unshared memory. */
const Floats = z.custom<Float32Array>((value) => value instanceof Float32Array);
const Integers = z.custom<Int32Array>((value) => value instanceof Int32Array);
const LongIntegers = z.custom<BigInt64Array>((value) => value instanceof BigInt64Array);
const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const Shape = z.array(z.int().nonnegative());

/** A tensor as it crosses: row-major, in a typed array of its element type. */
export const DeviceTensor = z.discriminatedUnion('type', [
  z.object({ type: z.literal('float32'), shape: Shape, data: Floats }),
  z.object({ type: z.literal('int32'), shape: Shape, data: Integers }),
  z.object({ type: z.literal('int64'), shape: Shape, data: LongIntegers }),
]);
export type DeviceTensor = z.infer<typeof DeviceTensor>;

/** A tensor that stays on the device. */
export const TensorHandle = z.object({ handle: z.int() });
export type TensorHandle = z.infer<typeof TensorHandle>;

export const DeviceValue = z.union([DeviceTensor, TensorHandle]);
export type DeviceValue = z.infer<typeof DeviceValue>;

const Names = z.array(z.string()).readonly();

/** A piece of a graph: an ONNX model, the names of the values that it takes and makes, and how many bytes of weights it has in files. */
export const GraphPiece = z.object({ bytes: Bytes, inputs: Names, outputs: Names, weightBytes: z.int().nonnegative() });
export type GraphPiece = z.infer<typeof GraphPiece>;

/**
 * A graph to open, whose weights lie below `weightsFolder`. Its pieces run in their order; what one makes and a later one
 * takes stays on the device. Between two of them a run can be interrupted.
 */
export const DeviceGraph = z.object({
  name: z.string(),
  pieces: z.array(GraphPiece).min(1).readonly(),
  weightsFolder: z.string(),
  inputs: Names,
  outputs: Names,
});
export type DeviceGraph = z.infer<typeof DeviceGraph>;

/** Nodes of one operator that ran at one place. */
export const PlacedOperator = z.object({
  operator: z.string(),
  onCpu: z.boolean(),
  /** Whether it only computed sides of tensors: a few whole numbers, which ONNX Runtime leaves on the CPU by design. */
  isShapeArithmetic: z.boolean(),
  count: z.int().positive(),
});
export type PlacedOperator = z.infer<typeof PlacedOperator>;

/** Session and tensor numbers are chosen by the engine, so that none is ever used twice, whatever dies between. */
export const DeviceCommand = z.discriminatedUnion('type', [
  /** First message. Answered with `facts`. */
  z.object({ type: z.literal('start'), options: DeviceOptions }),
  /**
   * With `prepack`, the weights are copied into the form that computes fastest, instead of staying mapped from their file. With an arena, it
   * keeps the memory that its largest call took until it is closed.
   */
  z.object({ type: z.literal('open'), session: z.int(), graph: DeviceGraph, prepack: z.boolean(), hasArena: z.boolean().default(false) }),
  z.object({ type: z.literal('close'), session: z.int() }),
  z.object({ type: z.literal('put'), handle: z.int(), tensor: DeviceTensor }),
  z.object({ type: z.literal('free'), handle: z.int() }),
  /** Outputs named in `keep` stay, under these numbers. */
  z.object({
    type: z.literal('run'),
    session: z.int(),
    inputs: z.record(z.string(), DeviceValue),
    keep: z.record(z.string(), z.int()),
  }),
  z.object({ type: z.literal('facts') }),
  /** Ends the running call at its next piece; carried out at once, out of turn. */
  z.object({ type: z.literal('interrupt') }),
  /** Opens the graph, runs it once, closes it, and answers with `placement`. */
  z.object({ type: z.literal('place'), graph: DeviceGraph, inputs: z.record(z.string(), DeviceTensor) }),
]);
export type DeviceCommand = z.infer<typeof DeviceCommand>;

/** What the engine says to the device. Commands are carried out one after another and each is answered. */
export const ToDevice = z.object({ id: z.int(), command: DeviceCommand });
export type ToDevice = z.infer<typeof ToDevice>;

/** What the device says to the engine. */
export const FromDevice = z.object({
  id: z.int(),
  result: z.discriminatedUnion('status', [
    z.object({ status: z.literal('done') }),
    /** Not the answer yet: so many bytes of weights have been copied. Said of graphs that are not mapped. */
    z.object({ status: z.literal('opening'), readBytes: z.int() }),
    /** The outputs that were not kept. */
    z.object({ status: z.literal('outputs'), tensors: z.record(z.string(), DeviceTensor) }),
    z.object({ status: z.literal('facts'), facts: DeviceFacts }),
    z.object({ status: z.literal('placement'), operators: z.array(PlacedOperator) }),
    z.object({ status: z.literal('failed'), error: ErrorReport }),
  ]),
});
export type FromDevice = z.infer<typeof FromDevice>;
