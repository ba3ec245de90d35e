# An image of the service, which does not run as root. docs/operations.md, "In containers", says how to use it.
FROM node:24-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/auth/package.json packages/auth/
COPY packages/client/package.json packages/client/
COPY packages/emulator/package.json packages/emulator/
COPY packages/server/package.json packages/server/

FROM manifests AS build
# No install scripts: one of them would download the pinned Node, but the base image has Node.
RUN npm ci --ignore-scripts
COPY tsconfig*.json ./
COPY packages packages
RUN npm run build

FROM manifests AS production
# --omit=optional leaves out the optional peers that only the tests use: Express and the TypeScript compiler.
# .npmrc is removed, because it may contain the password of a registry.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && rm .npmrc
COPY --from=build /app/packages/auth/dist packages/auth/dist
COPY --from=build /app/packages/client/dist packages/client/dist
COPY --from=build /app/packages/emulator/dist packages/emulator/dist
COPY --from=build /app/packages/server/dist packages/server/dist

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8787 STORE_URL=sqlite:/data/perennial.db
RUN mkdir --mode=0700 /data && chown node:node /data
# Owned by root, so that the process cannot change its own program.
COPY --from=production /app /app
WORKDIR /app
# The user "node" by its number, because runAsNonRoot of Kubernetes does not accept a name.
USER 1000:1000
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node"]
CMD ["packages/server/dist/main.js"]
