-- Row security by the claims of an access token, as Supabase and PostgREST do it. The service sets
-- ACCESS_TOKEN_CLAIMS={"role":"authenticated"}, so that the token names a role of the database, beside the member in "sub".

create role anon nologin noinherit;
create role authenticated nologin noinherit;
-- The role with which an API connects. It may become one of the two, and can read nothing by itself.
create role authenticator login noinherit;
grant anon, authenticated to authenticator;

create schema auth;
grant usage on schema auth to anon, authenticated;
-- Supabase has this function already. Its auth.uid() is no help here: it wants a UUID, and a member's id is mem_….
create function auth.jwt() returns jsonb language sql stable as
$$ select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;

create table projects (
  id bigint generated always as identity primary key,
  owner text not null default (auth.jwt() ->> 'sub'),
  name text not null
);
alter table projects enable row level security;
grant select, insert, update, delete on projects to authenticated;

create policy "members reach their own projects" on projects to authenticated
  using (owner = (select auth.jwt() ->> 'sub'))
  with check (owner = (select auth.jwt() ->> 'sub'));

-- By a role or plan of Memberstack: the claim "roles".
create policy "admins read all projects" on projects for select to authenticated
  using ((select auth.jwt() -> 'roles') ? 'admin');
