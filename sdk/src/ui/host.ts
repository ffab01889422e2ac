import { inject, type InjectionKey, type Ref } from 'vue';
import type { z } from 'zod';
import type { Txt2ImgRequest } from '../contracts/generation.js';
import type { Job } from '../contracts/job.js';
import type { Route, Routes } from '../extension.js';
import { fill, type Translate } from './translate.js';

/** What the page gives to everything rendered inside it. Extensions reach it through the functions below. */
export interface PageHost {
  /** @throws ReportedError naming the extension when its route fails. */
  callRoute(extension: string, route: string, input: unknown): Promise<unknown>;
  /** The txt2img form as it is now. */
  request: Readonly<Ref<Txt2ImgRequest>>;
  changeRequest(change: Partial<Txt2ImgRequest>): void;
  positive: Ref<string>;
  negative: Ref<string>;
  /** Jobs the page knows, the newest first. */
  jobs: Readonly<Ref<readonly Job[]>>;
  /** The section of one extension in the settings. */
  settingsOf(extension: string): Readonly<Ref<Readonly<Record<string, unknown>>>>;
  t: Translate;
}

/** Where the page provides itself. */
export const pageHostKey: InjectionKey<PageHost> = Symbol('atelier page');
/** Where `<ExtensionBoundary>` provides the id of the extension whose component it holds. */
export const extensionIdKey: InjectionKey<string> = Symbol('atelier extension');

function useHost(asker: string): PageHost {
  const host = inject(pageHostKey, null);
  if (!host) throw new Error(`${asker}() works only in the setup of a component that Atelier's page renders.`);
  return host;
}

function useExtensionId(asker: string): string {
  const id = inject(extensionIdKey, null);
  if (!id) throw new Error(`${asker}() works only in a component of an extension.`);
  return id;
}

/** The functions that `useRoutes` gives: one for each route, typed as the server half declared it. Values are what JSON can carry. */
export type RouteCalls<R extends Routes> = {
  readonly [Name in keyof R]: R[Name] extends Route<infer Input, infer Output>
    ? (input: z.input<Input>) => Promise<z.output<Output>>
    : never;
};

/**
 * Calls routes of this extension's server half: `const api = useRoutes<typeof routes>()`, then `await api.recent({ limit: 10 })`.
 * A failed call throws an error with `code`, `message` and `hint`.
 */
export function useRoutes<R extends Routes>(): RouteCalls<R> {
  const host = useHost('useRoutes');
  const extension = useExtensionId('useRoutes');
  return new Proxy({} as RouteCalls<R>, {
    get(_, name) {
      // Vue and promises look for marks of their own ("__v_isRef", "then") on everything they meet
      if (typeof name !== 'string' || name === 'then' || name.startsWith('__')) return undefined;
      return (input: unknown) => host.callRoute(extension, name, input);
    },
  });
}

/** Both prompts of the txt2img form, to read and to write. */
export function usePrompt(): { positive: Ref<string>; negative: Ref<string> } {
  const { positive, negative } = useHost('usePrompt');
  return { positive, negative };
}

/** The txt2img form as it is now, and a way to change parts of it. */
export function useRequest(): { request: Readonly<Ref<Txt2ImgRequest>>; change: (change: Partial<Txt2ImgRequest>) => void } {
  const host = useHost('useRequest');
  return { request: host.request, change: (change) => host.changeRequest(change) };
}

/** Jobs the page knows, the newest first; they follow the server by themselves. */
export function useJobs(): Readonly<Ref<readonly Job[]>> {
  return useHost('useJobs').jobs;
}

/** This extension's settings as they are now. */
export function useSettings(): Readonly<Ref<Readonly<Record<string, unknown>>>> {
  return useHost('useSettings').settingsOf(useExtensionId('useSettings'));
}

/** The page's translator. Outside a page (a test, a story) sentences stay English. */
export function useT(): Translate {
  return inject(pageHostKey, null)?.t ?? fill;
}
