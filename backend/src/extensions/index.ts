export { ExtensionHost, type ExtensionHostOptions, type Nouns } from './extension-host.js';
