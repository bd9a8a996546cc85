/** Failures of connections as typed errors, transient ones apart from permanent ones. */
import { CtxsrcError, type ErrorCode } from '../core/errors.ts';
import { ClosedAddress } from './addresses.ts';
import { attemptOf, type RequestSubject } from './errors.ts';
import { type NamedProxy, ProxyFailure, ProxyRefusal } from './proxy.ts';
import { TransientError } from './retry.ts';

interface ConnectionTrouble {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint: string;
  readonly passing: boolean;
  /** The server closed the connection without a response. */
  readonly closed?: boolean;
}

interface Connection {
  readonly anonymous?: boolean;
  readonly proxy?: NamedProxy | undefined;
  readonly ledTo?: string | undefined;
}

/**
 * The typed error for a failed connection: a `TransientError` if a retry may help, otherwise the error itself. A typed
 * error is returned unchanged, and so is one that no connection has: a mistake in the program, which no retry mends.
 * @param connection.anonymous a TLS connection without a client certificate: some servers just close it when they want
 * one
 * @param connection.proxy the proxy of the connection, which may be at fault
 * @param connection.ledTo the host that the subject's own redirects to, where that is the one which failed
 */
export function connectionError(
  error: unknown,
  subject: RequestSubject,
  { anonymous = false, proxy, ledTo }: Connection = {},
): Error {
  if (error instanceof CtxsrcError || error instanceof TransientError || isMistake(error)) return error;
  const ofProxy = error instanceof ProxyFailure || error instanceof ProxyRefusal;
  const through = proxy === undefined || ofProxy ? '' : ` (through the proxy ${proxy.url.host})`;
  const trouble = ofSubject(troubleOf(error, ledTo ?? subject.host), subject);
  const to = ledTo === undefined || error instanceof ClosedAddress ? '' : `it redirects to ${ledTo}: `;
  const typed = new CtxsrcError(trouble.code, `cannot ${attemptOf(subject)}: ${to}${trouble.text}${through}`, {
    cause: error,
    hint:
      anonymous && trouble.closed
        ? `${trouble.hint}; if the server wants a client certificate: --client-cert FILE`
        : trouble.hint,
    details: { host: subject.host },
  });
  return trouble.passing ? new TransientError(typed) : typed;
}

/** Failures of connections have a code; a mistake in this program or in a package has none, or that of an assertion. */
function isMistake(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof ProxyFailure) return false;
  const { code } = error as NodeJS.ErrnoException;
  return (
    code === 'ERR_ASSERTION' || (code === undefined && (error instanceof TypeError || error instanceof RangeError))
  );
}

/** A file at a URL, and an upload, have other remedies than what is fetched from a registry. */
function ofSubject(trouble: ConnectionTrouble, { kind }: RequestSubject): ConnectionTrouble {
  if (kind === 'upload' && trouble.hint === KEPT) return { ...trouble, hint: 'try again: what is there stays there' };
  if (kind !== 'file') return trouble;
  if (trouble.text === NO_TLS.text)
    return { ...trouble, hint: 'if it is a plain HTTP server, write http:// in the URL' };
  if (trouble.text === UNSENDABLE.text) return { ...trouble, hint: 'check the credential and the headers' };
  return trouble;
}

function troubleOf(error: unknown, host: string): ConnectionTrouble {
  if (error instanceof ClosedAddress) {
    const text = `it leads to ${error.address}, a ${error.kind} address, which a server may not send anybody to`;
    return lasting('E_UNSAFE', text, `if that is meant: --allow-address ${error.address}`);
  }
  if (error instanceof ProxyRefusal) return refusalOf(error, host);
  if (error instanceof ProxyFailure) {
    const { url, variable } = error.proxy;
    const { code, text, passing } = troubleOf(error.cause, url.host);
    const hint = `check ${variable}, or put ${host} into NO_PROXY`;
    return { code, text: `no connection to the proxy ${url.host}: ${text}`, hint, passing };
  }
  const code = errorCode(error);
  const isTls = /^(CERT_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|CRL_)|SELF_SIGNED/.test(code);
  const trouble = TROUBLES[code] ?? (isTls ? untrusted(`no trusted TLS connection (${code})`) : undefined);
  if (trouble !== undefined) return { ...trouble, hint: trouble.hint.replaceAll('HOST', host) };
  return network(`the connection failed${code === '' ? '' : ` (${code})`}`);
}

function refusalOf({ proxy, status, said }: ProxyRefusal, host: string): ConnectionTrouble {
  const text = `the proxy ${proxy.url.host} refused the connection with status ${status}${said}`;
  if (status === 407) {
    const hint = `put USER:PASSWORD@ into the URL of ${proxy.variable}, or ${host} into NO_PROXY`;
    return lasting('E_UNAUTHORIZED', text, hint);
  }
  const hint = `check ${proxy.variable} and what the proxy lets through, or put ${host} into NO_PROXY`;
  return { code: 'E_NETWORK', text, hint, passing: status >= 500 };
}

/** The code of an error, of its cause, or of the last of several errors (one per address that was tried). */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, errors, cause, name, syscall } = error as Partial<
    Record<'code' | 'errors' | 'cause' | 'name' | 'syscall', unknown>
  >;
  if (name === 'HTTPParserError') return NOT_HTTP;
  if (Array.isArray(errors) && errors.length > 0) return errorCode(errors.at(-1));
  // undici's own code for a broken connection says less than its cause.
  if (code === CLOSED && cause !== undefined && errorCode(cause) !== '') return errorCode(cause);
  if (code === 'EPROTO') return tlsCode(error);
  // node:http reports a reset, too, when the server just closed the connection.
  if (code === 'ECONNRESET' && syscall === undefined) return CLOSED;
  if (code === 'HPE_HEADER_OVERFLOW') return 'UND_ERR_HEADERS_OVERFLOW';
  // A code of node:http's parser.
  if (typeof code === 'string' && code.startsWith('HPE_')) return NOT_HTTP;
  // Newer versions of OpenSSL write ssl/tls where older ones wrote sslv3.
  return typeof code === 'string' ? code.replace('ERR_SSL_SSL/TLS_ALERT_', 'ERR_SSL_SSLV3_ALERT_') : '';
}

/** Node has one code for all failures of a TLS handshake; its text holds OpenSSL's own number. */
function tlsCode(error: object): string {
  const number = /:error:([0-9A-F]{8}):/.exec(String((error as Partial<Error>).message))?.[1];
  // The reason is in the low 23 bits; from 1000 on it is an alert from the server (RFC 8446, section 6).
  const alert = number === undefined ? -1 : (Number.parseInt(number, 16) & 0x7fffff) - 1000;
  return alert < 0 ? 'EPROTO' : (ALERTS[alert] ?? `ERR_SSL_ALERT_${alert}`);
}

const ALERTS: Readonly<Record<number, string>> = {
  40: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  42: 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
  48: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  116: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
};

/** Node's or undici's code of a failed connection; empty for any other error. */
export function connectionCode(error: CtxsrcError): string {
  return errorCode(error.cause);
}

/** True if a server responded to TLS with something else. */
export function speaksNoTls(error: CtxsrcError): boolean {
  return TROUBLES[connectionCode(error)] === NO_TLS;
}

/** In a network that only a proxy leaves, outside names do not even resolve. */
const PROXY_HINT = 'where a proxy leads out, set HTTPS_PROXY (HTTP_PROXY for plain http)';
const TRUST_HINT =
  'name the certificate that signed it with --ca-file FILE, or, knowing what that gives up, --insecure HOST';
const lasting = (code: ErrorCode, text: string, hint: string): ConnectionTrouble => ({
  code,
  text,
  hint,
  passing: false,
});
const untrusted = (text: string, hint = TRUST_HINT): ConnectionTrouble => lasting('E_TLS', text, hint);
const NO_TLS = untrusted(
  'the server does not speak TLS on this port',
  'if it is a plain HTTP registry: --plain-http HOST',
);
const KEPT = 'try again; a partial download is kept and goes on';
const network = (text: string, hint = KEPT): ConnectionTrouble => ({
  code: 'E_NETWORK',
  text,
  hint,
  passing: true,
});
const stalled = (text: string): ConnectionTrouble => ({
  code: 'E_STALLED',
  text,
  hint: 'try again, or allow more time with --stall-timeout',
  passing: true,
});

/** undici's codes for a connection that was closed, and for timeouts: of a response, and of the rest of a body. */
export const CLOSED = 'UND_ERR_SOCKET';
export const NO_ANSWER = 'UND_ERR_HEADERS_TIMEOUT';
export const STALLED = 'UND_ERR_BODY_TIMEOUT';

/** Own codes: a response that nobody waits for any more, and one that is not HTTP (parsers have many codes for it). */
export const LEFT = 'CTXSRC_LEFT';
const NOT_HTTP = 'CTXSRC_NOT_HTTP';

/** Codes for a certificate from an unknown authority. */
export const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Codes for a broken connection. */
export const BROKEN: ReadonlySet<string> = new Set([CLOSED, 'ECONNRESET', 'EPIPE']);

/** An error with one of these codes, or of Node's. */
export function failure(code: string, text: string): Error {
  return Object.assign(new Error(text), { code });
}

const UNKNOWN = untrusted("the server's certificate is not trusted (unknown authority)");
const CLIENT_CERTIFICATE = untrusted(
  'the server wants a client certificate',
  'name one with --client-cert FILE and --client-key FILE',
);

const UNSENDABLE = lasting(
  'E_REGISTRY_PROTOCOL',
  'the request cannot be sent, for a header would have characters that it must not have',
  'check the credential: ctxsrc auth HOST',
);

const TROUBLES: Readonly<Record<string, ConnectionTrouble>> = {
  ECONNREFUSED: network('connection refused', 'check the host and port, and that the server runs'),
  ECONNRESET: { ...network('the connection was reset'), closed: true },
  EPIPE: network('the connection was closed'),
  [CLOSED]: { ...network('the connection was closed'), closed: true },
  UND_ERR_CLOSED: network('the connection was closed'),
  UND_ERR_DESTROYED: network('the connection was closed'),
  UND_ERR_ABORTED: network('the connection was closed'),
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: network('the answer was cut off'),
  ETIMEDOUT: network('no connection in time', `check the host and the network; ${PROXY_HINT}`),
  EHOSTUNREACH: network('no route to the host', `check the host and the network; ${PROXY_HINT}`),
  ENETUNREACH: network('no route to the network', `check the network; ${PROXY_HINT}`),
  EAI_AGAIN: network(
    'the host name could not be resolved for now',
    `check the network and its name server; ${PROXY_HINT}`,
  ),
  // A name that does not exist will not exist in a second either.
  ENOTFOUND: {
    ...network('the host name does not exist', `check the spelling of HOST, and the network; ${PROXY_HINT}`),
    passing: false,
  },
  [NO_ANSWER]: stalled('no answer in time'),
  [STALLED]: stalled('the transfer stalled'),
  [NOT_HTTP]: {
    code: 'E_REGISTRY_PROTOCOL',
    text: 'the answer is not HTTP',
    hint: 'check the port of HOST',
    passing: true,
  },
  UND_ERR_HEADERS_OVERFLOW: lasting(
    'E_LIMIT',
    'the headers of the answer are too long',
    'check that HOST is the server that is meant',
  ),
  UND_ERR_INVALID_ARG: UNSENDABLE,
  ERR_INVALID_CHAR: UNSENDABLE,
  ERR_INVALID_HTTP_TOKEN: UNSENDABLE,
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  CERT_HAS_EXPIRED: untrusted("the server's certificate has expired"),
  CERT_NOT_YET_VALID: untrusted("the server's certificate is not valid yet; is the clock right?"),
  ...Object.fromEntries([...UNKNOWN_AUTHORITY].map((code) => [code, UNKNOWN])),
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted("the server's certificate is not trusted (self-signed)"),
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted(
    "the server's certificate is for another name",
    'check the spelling of the host HOST',
  ),
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CLIENT_CERTIFICATE,
  // Before TLS 1.3 there is no alert for a missing certificate.
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: untrusted(
    'the server refused the TLS handshake',
    'if it wants a client certificate: --client-cert FILE and --client-key FILE',
  ),
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: untrusted(
    'the server does not trust the client certificate',
    'check --client-cert FILE',
  ),
};
