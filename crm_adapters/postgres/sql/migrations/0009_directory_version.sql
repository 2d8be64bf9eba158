-- One version for all that a token stands for: users, groups, permissions, and the versions of the catalogs. The token's
-- statement reads it beside the token, and a worker keeps what it read of a user under that version.

-- A version is random, not a number: after a failover or a restore a number could come twice, and mean something else.
create table directory (
    is_only boolean primary key default true check (is_only),
    version uuid not null default gen_random_uuid()
);
insert into directory default values;

create function crm_move_directory() returns trigger language plpgsql as $$
begin
    update directory set version = gen_random_uuid();
    return null;
end $$;

-- A password is not among the columns: it says nothing of what the user may do, and logins may store a better hash.
create trigger app_user_directory
    after insert or delete or truncate or update of id, username, first_name, last_name, email, is_active, is_superuser
    on app_user execute function crm_move_directory();
create trigger app_group_directory after insert or update or delete or truncate on app_group
    execute function crm_move_directory();
create trigger group_permission_directory after insert or update or delete or truncate on group_permission
    execute function crm_move_directory();
create trigger membership_directory after insert or update or delete or truncate on membership
    execute function crm_move_directory();

-- Before the catalog's own row is locked: two transactions that change several catalogs wait here, and in this order.
create trigger catalog_directory before insert or update or delete or truncate on catalog
    execute function crm_move_directory();
