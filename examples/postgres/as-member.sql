-- What an API does for each request, after it has verified the access token: the claims and the role are set for one transaction.
-- Called as: psql -v claims='{…}' -v role=authenticated -f as-member.sql -v query='…'
begin;
select set_config('request.jwt.claims', :'claims', true), set_config('role', :'role', true) \g /dev/null
:query;
commit;
