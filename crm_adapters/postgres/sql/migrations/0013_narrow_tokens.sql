-- A token may be narrowed to some permissions; null for one that may do whatever its user may, as all have so far. And
-- it has an id, by which its user can revoke it.

-- The permissions are not part of the directory's version: they are read with the token, and never change.
alter table token
    add column id uuid not null default gen_random_uuid(),
    add column permissions text[];
-- The tokens of a user in the order of their lists.
drop index token_user;
create index token_user on token (user_id, created_at, id);
