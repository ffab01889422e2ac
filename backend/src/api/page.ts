import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import express, { Router, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Options } from '../command-line.js';
import { PageNotBuilt } from './errors.js';

/** Addresses that are answered by controllers and the gateway, never by the page. */
const ANSWERED_ELSEWHERE = /^\/(api|sdapi|socket\.io)(\/|$)/;
/** What of a compiled extension a page may load: its page half. */
const EXTENSION_FILE = /^\/[a-z0-9-]+\/[a-z0-9-]+\/(ui\.(js|css)(\.map)?|chunks\/[\w.-]+)$/i;

/** Headers that keep foreign code out of the page, and the page out of foreign frames. */
export function pageSafety({ pageDir }: Options): RequestHandler {
  return helmet({
    strictTransportSecurity: false, // there is no certificate for a person's own machine
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'", ...inlineScriptHashes(pageDir)],
        styleSrc: ["'self'"],
        styleSrcAttr: ["'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'self'"],
      },
    },
  });
}

/** The built page with history fallback, and the compiled pages of extensions. */
export function page({ pageDir, dataDir }: Options): Router {
  const router = Router();
  router.use('/assets', express.static(path.join(pageDir, 'assets'), { immutable: true, maxAge: '1y', fallthrough: true }));
  const extensionFiles = express.static(path.join(dataDir, 'cache', 'extensions'), { immutable: true, maxAge: '1y', index: false });
  router.use('/extension-files', (request, response, next) =>
    EXTENSION_FILE.test(request.path) ? extensionFiles(request, response, next) : next(),
  );
  router.use(unlessAnsweredElsewhere(express.static(pageDir, { maxAge: 0 })));
  router.get(
    '/{*any}',
    unlessAnsweredElsewhere((request, response, next) => {
      if (path.extname(request.path) !== '') return next(); // a file that is not there, not a place in the page
      response.sendFile('index.html', { root: pageDir, maxAge: 0 }, (error?: NodeJS.ErrnoException) => {
        if (error) next(error.code === 'ENOENT' ? new PageNotBuilt(pageDir) : error);
      });
    }),
  );
  return router;
}

function unlessAnsweredElsewhere(handler: RequestHandler): RequestHandler {
  return (request, response, next) => (ANSWERED_ELSEWHERE.test(request.path) ? next() : handler(request, response, next));
}

/** The import map and other scripts that stand in the page itself, as the policy names them. */
function inlineScriptHashes(pageDir: string): string[] {
  const html = readIfThere(path.join(pageDir, 'index.html'));
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)];
  return inline.map(([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''; // the page is not built; whoever asks for it is told
    throw cause;
  }
}
