import type { z } from 'zod';
import type { Awaitable, Hooks } from './hooks.js';
import type { ModelFamily } from './models.js';
import type { Sampler, Scheduler } from './sampling.js';

/** What `activate` gets. Everything in it leaves with the extension. */
export interface ExtensionContext<Settings = Readonly<Record<string, unknown>>> {
  id: string;
  /** The extension's own folder. Read only, please. */
  folder: string;
  /** The extension's folder for what it keeps; it exists. */
  dataFolder: string;
  hooks: Hooks;
  /** The extension's settings as they are now. */
  settings: () => Settings;
  log: ExtensionLog;
  /** Aborted when the extension is withdrawn. */
  signal: AbortSignal;
}

export interface ExtensionLog {
  info(message: string): void;
  warn(message: string): void;
}

/** What a route's handler gets beside its input. */
export type RouteContext = Pick<ExtensionContext, 'id' | 'folder' | 'dataFolder' | 'settings' | 'log'>;

/** One thing a page or a script can ask of an extension: `POST /api/extensions/<id>/<route>`. */
export interface Route<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> {
  input: Input;
  output: Output;
  handle(input: z.output<Input>, context: RouteContext): Awaitable<z.input<Output>>;
}

/** Declares a route; its types reach the extension's page through `useRoutes<typeof routes>()`. */
export function defineRoute<Input extends z.ZodType, Output extends z.ZodType>(route: Route<Input, Output>): Route<Input, Output> {
  return route;
}

export type Routes = Readonly<Record<string, Route>>;

/** Declares the extension's settings section: range, default and help of each become controls and API fields. */
export function defineSettings<Shape extends z.ZodObject>(schema: Shape): Shape {
  return schema;
}

/** The server half of an extension: nouns it brings, and what it does when it starts. */
export interface ExtensionDefinition {
  samplers?: readonly Sampler[];
  schedulers?: readonly Scheduler[];
  modelFamilies?: readonly ModelFamily[];
  settings?: z.ZodObject;
  routes?: Routes;
  /** Runs once each time the extension starts: tap hooks here. */
  activate?(context: ExtensionContext): Awaitable<void>;
}

/** Declares an extension; the default export of its server file. */
export function defineExtension(definition: ExtensionDefinition): ExtensionDefinition {
  return definition;
}
