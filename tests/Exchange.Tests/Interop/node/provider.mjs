// An OpenID provider as it is published, with one client and its own pages for signing in. usage: provider.mjs CLIENT SECRET GATEWAY; prints its address.
import { createServer } from "node:http";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider from "oidc-provider";

const [client, secret, gateway] = process.argv.slice(2);
const server = createServer();
await new Promise(listening => server.listen(0, "127.0.0.1", listening));
const address = `http://127.0.0.1:${server.address().port}`;
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const provider = new Provider(address, {
    clients: [{ client_id: client, client_secret: secret, redirect_uris: [`${gateway}/sign-in/outside/callback`], post_logout_redirect_uris: [`${gateway}/`], grant_types: ["authorization_code"], response_types: ["code"] }],
    claims: { openid: ["sub"], profile: ["name"], exchange: ["city", "department", "roles"] },
    scopes: ["openid", "profile", "exchange"],
    // The login that a person types says who it is: SUBJECT or SUBJECT@CITY.
    findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, name: `示例·${id.split("@")[0]}`, ...(id.includes("@") ? { city: id.split("@")[1], department: "11430100EXAMPL020U", roles: ["officer", "integrator", "everything"] } : {}) }),
    }),
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" }] },
    cookies: { keys: [randomBytes(32).toString("hex")] },
    ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
});
server.on("request", provider.callback());
console.log(address);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
