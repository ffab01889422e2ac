import { z } from 'zod';
import { ExtensionId, TabDeclaration, type ExtensionDefinition, type ModelFamily, type Sampler, type Scheduler } from '@atelier/sdk';
import { DefinitionInvalid, issuesOf } from './errors.js';

const aFunction = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', 'is not a function');

/** Fields with range, default and help. All have defaults, so that nobody has to fill anything in. */
const aSchema = z
  .custom<z.ZodObject>((value) => value instanceof z.ZodObject, 'is not a z.object({ … })')
  .superRefine((schema, context) => {
    if (!(schema instanceof z.ZodObject)) return;
    const empty = schema.safeParse({});
    if (!empty.success) context.addIssue({ code: 'custom', message: `has fields without a default (${issuesOf(empty.error)})` });
    try {
      z.toJSONSchema(schema, { io: 'input' });
    } catch (error) {
      context.addIssue({ code: 'custom', message: `cannot be shown as a form (${(error as Error).message})` });
    }
  });

const named = { id: ExtensionId, label: z.string().min(1).max(80), aliases: z.array(z.string().min(1)) };

const SamplerShape = z.looseObject({
  ...named,
  options: aSchema,
  callsPerStep: z.int().min(1),
  order: z.number().positive(),
  drawsNoise: z.boolean(),
  usesBrownianNoise: z.boolean(),
  lastLevel: z.enum(['zero', 'sigma-min']),
  discardsNextToLast: z.boolean(),
  minSteps: z.int().min(1),
  defaultScheduler: z.string().optional(),
  sampling: aFunction.optional(),
  levels: aFunction.optional(),
  startScale: aFunction.optional(),
  steps: aFunction,
});

const SchedulerShape = z.looseObject({
  ...named,
  lastLevel: z.enum(['zero', 'sigma-min']),
  minSteps: z.int().min(1),
  levels: aFunction,
});

const ModelFamilyShape = z.looseObject({
  id: ExtensionId,
  label: z.string().min(1).max(80),
  signature: z.array(z.looseObject({ says: z.string().min(1), holds: aFunction })).min(1),
  traits: aFunction,
  graph: aFunction,
  condition: aFunction,
});

const RouteName = z.string().regex(/^[a-z][a-zA-Z0-9]*(-[a-z0-9]+)*$/, 'is not a plain word');
const aZodType = z.custom<z.ZodType>((value) => value instanceof z.ZodType, 'is not a zod schema');

/** What `defineExtension` is given, as far as it can be checked without running it. */
const Definition = z.strictObject({
  samplers: z.array(SamplerShape).optional(),
  schedulers: z.array(SchedulerShape).optional(),
  modelFamilies: z.array(ModelFamilyShape).optional(),
  settings: aSchema.optional(),
  routes: z.record(RouteName, z.looseObject({ input: aZodType, output: aZodType, handle: aFunction })).optional(),
  activate: aFunction.optional(),
});

/** @throws DefinitionInvalid */
export function checkDefinition(exported: unknown): ExtensionDefinition {
  if (typeof exported !== 'object' || exported === null) throw new DefinitionInvalid('it has no default export');
  insist(Definition, exported);
  return exported as ExtensionDefinition;
}

/** Checks of things that taps add to registries by hand; each throws DefinitionInvalid. */
export const checkNoun = {
  sampler: (sampler: Sampler) => insist(SamplerShape, sampler),
  scheduler: (scheduler: Scheduler) => insist(SchedulerShape, scheduler),
  modelFamily: (family: ModelFamily) => insist(ModelFamilyShape, family),
  settings: (schema: z.ZodObject) => insist(aSchema, schema),
  tab: (tab: TabDeclaration) => insist(TabDeclaration, tab),
};

function insist(shape: z.ZodType, value: unknown): void {
  const { error } = shape.safeParse(value);
  if (error) throw new DefinitionInvalid(issuesOf(error));
}
