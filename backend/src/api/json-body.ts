import express, { type RequestHandler } from 'express';
import { BodyNotJson, BodyTooLarge } from './errors.js';

/** Enough for the longest prompts a hundred times over. */
const LIMIT_BYTES = 1 << 20;

/** Reads JSON bodies, and refuses others instead of overlooking them. */
export function jsonBody(): RequestHandler {
  const parse = express.json({ limit: LIMIT_BYTES, strict: false, type: ['application/json', 'application/*+json'] });
  return (request, response, next) => {
    const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
    if (hasBody && !request.is(['application/json', 'application/*+json'])) {
      return next(new BodyNotJson(`its Content-Type is ${request.headers['content-type'] ?? 'not given'}`));
    }
    parse(request, response, (error?: unknown) => next(error ? refusal(error as ParserError) : undefined));
  };
}

type ParserError = Error & { type?: string };

function refusal(error: ParserError): Error {
  return error.type === 'entity.too.large' ? new BodyTooLarge(LIMIT_BYTES) : new BodyNotJson(error.message, error);
}
