import type { Component } from 'vue';
import type { Awaitable } from '../hooks.js';

/** What a tab shows: a Vue component, loaded when the tab is first opened. */
export type TabComponent = () => Promise<{ default: Component }>;

/** The other way: an element to fill with anything. What comes back is called when the tab closes. */
export interface TabMount {
  mount(element: HTMLElement): Awaitable<void | (() => void)>;
}

/** The page half of an extension. Labels and icons stand in the manifest, so the tab bar is there before this has loaded. */
export interface UiDefinition {
  /** By the id that `contributes.tabs` of `extension.json` declares. */
  tabs?: Readonly<Record<string, TabComponent | TabMount>>;
}

/** Declares the page half of an extension; the default export of its `ui` file. */
export function defineUi(definition: UiDefinition): UiDefinition {
  return definition;
}
