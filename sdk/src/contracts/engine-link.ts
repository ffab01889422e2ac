import { z } from 'zod';
import { ErrorReport } from '../errors.js';
import { BranchChoice, Catalogue, MemoryChoice } from './catalogue.js';
import { JobPreview } from './events.js';
import { Picture, Txt2ImgRequest } from './generation.js';
import { HookTiming, Progress } from './job.js';
import { Settings } from './settings.js';

/** What the server asks of the engine and waits for, by name: input and output of each question. */
export const EngineQuestions = {
  'count-tokens': { input: z.object({ prompt: z.string() }), output: z.object({ count: z.int(), limit: z.int() }) },
  'refresh-catalogue': { input: z.object({}), output: z.object({}) },
  'extension-route': { input: z.object({ extension: z.string(), route: z.string(), input: z.unknown() }), output: z.unknown() },
  /** Answered when the settings have taken effect: extensions are started and stopped, the catalogue is told. */
  'apply-settings': { input: Settings, output: z.object({}) },
  'reload-extension': { input: z.object({ extension: z.string() }), output: z.object({}) },
} as const;
export type EngineQuestion = keyof typeof EngineQuestions;
export type QuestionInput<Q extends EngineQuestion> = z.input<(typeof EngineQuestions)[Q]['input']>;
export type QuestionOutput<Q extends EngineQuestion> = z.output<(typeof EngineQuestions)[Q]['output']>;

/** What the server says to the engine. */
export const ToEngine = z.discriminatedUnion('type', [
  /** First message: the settings, and extensions that must not start because the engine died in their code. */
  z.object({ type: z.literal('start'), settings: Settings, suspects: z.record(z.string(), ErrorReport) }),
  /**
   * Run a job. One at a time; the next comes after `finished`. Batches before `firstBatch` are there already: the job
   * was running when the server was ended.
   */
  z.object({
    type: z.literal('run'),
    jobId: z.string(),
    request: Txt2ImgRequest,
    createdAt: z.iso.datetime(),
    firstBatch: z.int().min(0),
  }),
  /** End the job at its next yield point; with `keep`, decode and save what is there. `skip` ends only the present batch. */
  z.object({ type: z.literal('cancel'), jobId: z.string(), mode: z.enum(['cancel', 'keep', 'skip']) }),
  /** End the device process now; the job ends as cancelled. */
  z.object({ type: z.literal('stop-now'), jobId: z.string() }),
  z.object({ type: z.literal('ask'), id: z.int(), question: z.string(), input: z.unknown() }),
  z.object({ type: z.literal('ping') }),
  /** End in good order. */
  z.object({ type: z.literal('shutdown'), reason: z.string() }),
]);
export type ToEngine = z.infer<typeof ToEngine>;

/** What the engine says to the server. */
export const FromEngine = z.discriminatedUnion('type', [
  /** Extensions are up, jobs may come. */
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('catalogue'), catalogue: Catalogue }),
  /** What was chosen, and what both processes hold; the server adds itself. */
  z.object({
    type: z.literal('status'),
    device: z.string().nullable().describe('Null when it does not start.'),
    chosenBecause: z.string().nullable(),
    precision: z.string().nullable().describe('What `auto` stands for on the device.'),
    modelMemory: MemoryChoice.nullable(),
    guidance: BranchChoice.nullable(),
    memory: z.object({ engineBytes: z.number(), deviceBytes: z.number() }),
  }),
  z.object({ type: z.literal('progress'), jobId: z.string(), progress: Progress }),
  z.object({ type: z.literal('preview'), preview: JobPreview }),
  /** The picture is safely on disk. */
  z.object({ type: z.literal('picture'), jobId: z.string(), picture: Picture }),
  z.object({ type: z.literal('warning'), jobId: z.string(), warning: ErrorReport }),
  z.object({
    type: z.literal('finished'),
    jobId: z.string(),
    outcome: z.enum(['done', 'cancelled', 'failed']),
    error: ErrorReport.nullable(),
    hookTimings: z.array(HookTiming),
  }),
  z.object({
    type: z.literal('answer'),
    id: z.int(),
    result: z.discriminatedUnion('ok', [
      z.object({ ok: z.literal(true), value: z.unknown() }),
      z.object({ ok: z.literal(false), error: ErrorReport }),
    ]),
  }),
  z.object({ type: z.literal('extension-changed'), id: z.string(), url: z.string().nullable() }),
  z.object({ type: z.literal('pong') }),
]);
export type FromEngine = z.infer<typeof FromEngine>;

/** What the engine writes into its activity file before each tap: whose code is running now. */
export const RunningTap = z.object({ extension: z.string(), hook: z.string(), jobId: z.string().nullable() });
export type RunningTap = z.infer<typeof RunningTap>;
