import { createCipheriv, createHash, createHmac, hash as hashOnce } from 'node:crypto';
import type { Sm3Engine, Sm4Engine } from './engine.js';

/** SM3 by the OpenSSL that Node was built with; only where `getHashes()` lists `sm3`. */
export const platformSm3: Sm3Engine = {
  digest(parts) {
    const [only, ...others] = parts;
    // Keeps no copy of the digest, which may be a key; a hash object has one until it is collected.
    if (only !== undefined && others.length === 0) return hashOnce('sm3', only, 'buffer');
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
  ctr(key, counter, data) {
    const cipher = createCipheriv('sm4-ctr', key, counter);
    const result = cipher.update(data);
    // In this mode nothing more comes of it, but its key is gone.
    cipher.final();
    return result;
  },
};
