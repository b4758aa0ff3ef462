import { createCipheriv, createHash, createHmac } from 'node:crypto';
import type { Sm3Engine, Sm4Engine } from './engine.js';

/** SM3 by the OpenSSL that Node was built with; only where `getHashes()` lists `sm3`. */
export const platformSm3: Sm3Engine = {
  digest(parts) {
    const hash = createHash('sm3');
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  hmac(key, parts) {
    const hmac = createHmac('sm3', key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  },
};

/** SM4 by the OpenSSL that Node was built with; only where `getCiphers()` lists `sm4-ctr`. */
export const platformSm4: Sm4Engine = {
  ctr: (key, counter, data) => createCipheriv('sm4-ctr', key, counter).update(data),
};
