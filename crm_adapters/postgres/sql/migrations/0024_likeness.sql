-- What records that may be duplicates have in common (decisions 153 to 155): crm_core.rules.likeness, to which a test
-- holds these functions.

create function crm_name_key(folded text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    words text[] := string_to_array(btrim(regexp_replace(folded, '[^a-z0-9\u0080-\U0010ffff]+', ' ', 'g')), ' ');
    word text;
    sounds text := '';
begin
    foreach word in array words loop
        if word not in ('ag', 'and', 'bv', 'co', 'company', 'corp', 'corporation', 'gmbh', 'inc', 'kg', 'limited', 'llc',
            'ltd', 'nv', 'plc', 'sa', 'sarl', 'srl', 'the', 'und') then
            word := translate(replace(replace(word, 'ph', 'f'), 'ck', 'k'), 'cqvz', 'kkfs');
            sounds := sounds || ' ' || left(word, 1) || translate(substr(word, 2), 'aeiouhwy', '');
        end if;
    end loop;
    if sounds = '' then
        foreach word in array words loop
            word := translate(replace(replace(word, 'ph', 'f'), 'ck', 'k'), 'cqvz', 'kkfs');
            sounds := sounds || ' ' || left(word, 1) || translate(substr(word, 2), 'aeiouhwy', '');
        end loop;
    end if;
    -- A regular expression with a reference to what it found takes ten times as long.
    sounds := replace(replace(replace(replace(replace(replace(substr(sounds, 2),
        'bb', 'b'), 'dd', 'd'), 'ff', 'f'), 'gg', 'g'), 'kk', 'k'), 'll', 'l');
    sounds := replace(replace(replace(replace(replace(replace(sounds,
        'mm', 'm'), 'nn', 'n'), 'pp', 'p'), 'rr', 'r'), 'ss', 's'), 'tt', 't');
    if position(' ' in sounds) = 0 then
        return sounds;
    end if;
    return (select string_agg(sound, ' ' order by sound collate "C") from unnest(string_to_array(sounds, ' ')) as sound);
end $$;

create function crm_contact_key(value text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    form text;
begin
    if length(value) > 200 then
        return null;
    end if;
    if position('@' in value) > 0 then
        form := crm_unique(value);
        return case when form ~ '^[^@ ]+@[^@ ]+[.][^@ ]+$' then form end;
    end if;
    if value !~ '^[+]?[0-9 ()./-]+$' or value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then
        return null;
    end if;
    form := ltrim(regexp_replace(value, '[^0-9]+', '', 'g'), '0');
    return case when length(form) between 7 and 15 then form end;
end $$;

create function crm_contact_keys(attributes jsonb) returns text[]
    language plpgsql immutable parallel safe as $$
begin
    return array(
        select 'v' || found.key || E'\x1f' || found.contact
        from (
            select key, crm_contact_key(value #>> '{}') as contact from jsonb_each(attributes)
            where jsonb_typeof(value) = 'string' and value #>> '{}' ~ '@|^[+]?[0-9 ()./-]{7,}$'
        ) as found
        where found.contact is not null);
end $$;

create function crm_likeness(folded text, attributes jsonb) returns text[]
    language plpgsql immutable parallel safe as $$
begin
    return ('n' || crm_name_key(folded)) || crm_contact_keys(attributes);
end $$;

-- Each key of each record. Triggers keep it, so that it says what the documents say, whoever writes them.
create table likeness (
    resource text not null,
    key text collate "C" not null,
    record uuid not null
);
insert into likeness select 'client', key, id from client, unnest(crm_likeness(name_folded, attributes)) as key;
insert into likeness select 'service', key, id from service, unnest(crm_likeness(name_folded, attributes)) as key;
insert into likeness select 'lead', key, id from lead, unnest(crm_likeness(name_folded, attributes)) as key;
alter table likeness add primary key (resource, key, record);
analyze likeness;

create function add_likeness() returns trigger language plpgsql as $$
begin
    insert into likeness
    select tg_table_name, key, id from added, unnest(crm_likeness(name_folded, attributes)) as key;
    return null;
end $$;

create function move_likeness() returns trigger language plpgsql as $$
declare
    -- tg_table_name is a name, which compares in another collation than the index has.
    own constant text := tg_table_name;
begin
    -- Most changes of attributes are of others than these, and those of a renamed attribute are of many records.
    if tg_op = 'UPDATE' and old.name_folded = new.name_folded
        and crm_contact_keys(old.attributes) = crm_contact_keys(new.attributes) then
        return null;
    end if;
    delete from likeness
    where resource = own and key = any (crm_likeness(old.name_folded, old.attributes)) and record = old.id;
    if tg_op = 'UPDATE' then
        insert into likeness
        select own, key, new.id from unnest(crm_likeness(new.name_folded, new.attributes)) as key;
    end if;
    return null;
end $$;

create trigger client_likeness_added after insert on client
    referencing new table as added for each statement execute function add_likeness();
create trigger client_likeness_moved after update on client for each row
    when (old.name_folded is distinct from new.name_folded or old.attributes is distinct from new.attributes)
    execute function move_likeness();
create trigger client_likeness_removed after delete on client for each row execute function move_likeness();

create trigger service_likeness_added after insert on service
    referencing new table as added for each statement execute function add_likeness();
create trigger service_likeness_moved after update on service for each row
    when (old.name_folded is distinct from new.name_folded or old.attributes is distinct from new.attributes)
    execute function move_likeness();
create trigger service_likeness_removed after delete on service for each row execute function move_likeness();

create trigger lead_likeness_added after insert on lead
    referencing new table as added for each statement execute function add_likeness();
create trigger lead_likeness_moved after update on lead for each row
    when (old.name_folded is distinct from new.name_folded or old.attributes is distinct from new.attributes)
    execute function move_likeness();
create trigger lead_likeness_removed after delete on lead for each row execute function move_likeness();
