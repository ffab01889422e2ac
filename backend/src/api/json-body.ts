import express, { type RequestHandler } from 'express';
import { BodyNotJson, BodyTooLarge } from './errors.js';

/** Enough for the longest prompts a hundred times over. */
const LIMIT_BYTES = 1 << 20;

/** Addresses that take a picture, in base64, and how much they take. */
const takePictures: ReadonlySet<string> = new Set(['/api/parameters', '/sdapi/v1/png-info']);
const PICTURE_LIMIT_BYTES = 64 << 20;

/** Reads JSON bodies, and refuses others instead of overlooking them. */
export function jsonBody(): RequestHandler {
  const [parse, parsePicture] = [LIMIT_BYTES, PICTURE_LIMIT_BYTES].map((limit) =>
    express.json({ limit, strict: false, type: ['application/json', 'application/*+json'] }),
  );
  return (request, response, next) => {
    const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
    if (hasBody && !request.is(['application/json', 'application/*+json'])) {
      return next(new BodyNotJson(`its Content-Type is ${request.headers['content-type'] ?? 'not given'}`));
    }
    const takesPicture = takePictures.has(request.path);
    const limit = takesPicture ? PICTURE_LIMIT_BYTES : LIMIT_BYTES;
    (takesPicture ? parsePicture : parse)(request, response, (error?: unknown) =>
      next(error ? refusal(error as ParserError, limit) : undefined),
    );
  };
}

type ParserError = Error & { type?: string };

function refusal(error: ParserError, limit: number): Error {
  return error.type === 'entity.too.large' ? new BodyTooLarge(limit) : new BodyNotJson(error.message, error);
}
