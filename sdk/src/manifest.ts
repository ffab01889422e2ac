import { z } from 'zod';

/** Lower-case words with hyphens: also a folder's name and part of addresses. */
export const ExtensionId = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'is not lower-case words joined by hyphens')
  .max(64);

/** A path inside the extension's folder. */
const InnerPath = z
  .string()
  .min(1)
  .refine((path) => !path.startsWith('/') && !path.includes('\\') && !path.split('/').includes('..') && !/^[a-z]+:/i.test(path), {
    error: 'is not a path inside the extension’s folder',
  });

export const TabDeclaration = z.strictObject({
  id: ExtensionId,
  label: z.string().min(1).max(40),
  icon: z.string().max(40).default('puzzle').describe('Name of an icon of the control kit.'),
  order: z.number().default(0).describe('Among the tabs of extensions; smaller comes first.'),
});
export type TabDeclaration = z.infer<typeof TabDeclaration>;

export const Permission = z.enum(['files:own', 'files:models', 'files:outputs', 'network', 'process']);

/** `extension.json`: what an extension is and brings, readable without running any of its code. */
export const ExtensionManifest = z
  .strictObject({
    $schema: z.string().optional(),
    id: ExtensionId,
    name: z.string().min(1).max(80),
    version: z.string().regex(/^\d+\.\d+\.\d+(-[\w.-]+)?$/, 'is not a version like 1.0.0'),
    sdk: z.string().regex(/^\^\d+\.\d+\.\d+$/, 'is not a range like ^1.0.0'),
    description: z.string().max(400).default(''),
    server: InnerPath.optional(),
    ui: InnerPath.optional(),
    localization: InnerPath.optional(),
    contributes: z.strictObject({ tabs: z.array(TabDeclaration).default([]) }).prefault({}),
    permissions: z.array(Permission).default([]),
    requires: z.array(ExtensionId).default([]),
  })
  .refine((manifest) => manifest.server ?? manifest.ui ?? manifest.localization, {
    error: 'has none of "server", "ui" and "localization", so it would do nothing',
  });
export type ExtensionManifest = z.infer<typeof ExtensionManifest>;
