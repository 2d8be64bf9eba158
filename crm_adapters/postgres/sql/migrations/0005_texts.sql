-- One form of texts for looking and sorting, and one for keeping (decisions 9 and 20).

-- What texts are searched and sorted by: crm_core.input.texts.fold, which a test holds it to. Lower case is that of the
-- database's locale; the letters below undo what Turkish and Greek do with theirs. Whether there is anything to replace
-- is asked first, as to replace costs more than all the rest; most texts are ASCII, at a tenth of the time.
create function crm_fold(original text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    folded text := original;
begin
    if octet_length(folded) <> length(folded) then
        folded := regexp_replace(normalize(folded, nfkd), '[\u0300-\u036f]+', '', 'g');
    end if;
    if octet_length(folded) = length(folded) then
        folded := lower(folded collate "C");
    else
        folded := lower(normalize(folded, nfc) collate "default");
        if folded ~ '[ςøłđðıßæœþ]' then
            folded := replace(replace(replace(replace(folded, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
            folded := replace(replace(replace(folded, 'ø', 'o'), 'ł', 'l'), 'đ', 'd');
            folded := replace(replace(replace(folded, 'ð', 'd'), 'ı', 'i'), 'ς', 'σ');
        end if;
        if folded ~ '[ħĸŋŧƀɓƃƈɖɗƌƒǥɠɨƙƚƞɲƥƫƭʈʉʋƴƶȷȼɇɉɍɏⱥⱦ]' then
            folded := translate(
                folded,
                'ħĸŋŧƀɓƃƈɖɗƌƒǥɠɨƙƚƞɲƥƫƭʈʉʋƴƶȷȼɇɉɍɏⱥⱦ',
                'hqntbbbcdddfggiklnnptttuvyzjcejryat');
        end if;
    end if;
    if folded ~ '[\u0009-\u000d\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]|  ' then
        folded := regexp_replace(
            folded,
            '[\u0009-\u000d\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+',
            ' ', 'g');
    end if;
    return folded;
end $$;

-- Documents of earlier releases have texts as they were sent. Those that are not in NFC come over, in a new version, as
-- an ETag stands for the same bytes for ever. Events, receipts and deliveries keep what they say.

create function crm_nfc(value json) returns json language plpgsql as $$
declare
    normal text;
begin
    case json_typeof(value)
    when 'string' then
        return to_json(normalize(value #>> '{}', nfc));
    when 'array' then
        -- A text that has become the same as another before it goes: the two were one choice, tag or address.
        select coalesce('[' || string_agg(crm_nfc(item)::text, ',' order by place) || ']', '[]')
        into normal
        from json_array_elements(value) with ordinality as items (item, place)
        where json_typeof(item) <> 'string' or not exists (
            select from json_array_elements(value) with ordinality as others (other, before)
            where before < place and json_typeof(other) = 'string' and other::text <> item::text
                and normalize(other #>> '{}', nfc) = normalize(item #>> '{}', nfc));
    when 'object' then
        -- Of two names that have become the same the last counts, as in every JSON object.
        select coalesce(
            '{' || string_agg(to_json(name)::text || ':' || crm_nfc(member)::text, ',' order by place) || '}', '{}')
        into normal
        from (
            select distinct on (normalize(key, nfc)) normalize(key, nfc) as name, member, place
            from json_each(value) with ordinality as members (key, member, place)
            order by normalize(key, nfc), place desc
        ) as last;
    else
        return value;
    end case;
    return normal::json;
end $$;

-- Row by row, so that one that cannot come over stays as it is: a few letters are longer in NFC, and a name of 255 of
-- them would be too long.
do $$
declare
    resource text;
    row_id uuid;
    document json;
begin
    foreach resource in array array[
        'attribute', 'webhook', 'client', 'cohort', 'service', 'pipeline', 'lead', 'follow_up', 'enrollment',
        'enrollment_detail', 'transfer_request']
    loop
        for row_id, document in execute format(
            'select id, document from %I where document::text is not nfc normalized', resource)
        loop
            begin
                execute format('update %I set version = version + 1, document = $1 where id = $2', resource)
                using crm_nfc(document), row_id;
            exception when check_violation or unique_violation then
                raise warning '% % keeps texts that are not in NFC', resource, row_id;
            end;
        end loop;
    end loop;
end $$;
drop function crm_nfc;

update app_user
set first_name = normalize(first_name, nfc), last_name = normalize(last_name, nfc), email = normalize(email, nfc)
where first_name is not nfc normalized or last_name is not nfc normalized or email is not nfc normalized;

-- What lists look through and are ordered by, folded; one rewrite of a table for all of its columns. A folded text may
-- be longer than fits into an index, so 255 characters of it decide on the order.

drop index client_name_part;

create or replace function crm_searched(own text, attributes jsonb) returns text
    language sql immutable parallel safe
    return own || coalesce((
        select string_agg(E'\n' || crm_fold(found #>> '{}'), '')
        from jsonb_path_query(attributes, '$.*[*] ? (@.type() == "string")') as found), '');

alter table attribute
    drop column searched,
    add column name_folded text not null generated always as (crm_fold(document ->> 'name')) stored,
    add column label_folded text not null generated always as (crm_fold(document ->> 'label')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'name') || E'\n' || crm_fold(document ->> 'label'), null)) stored;
drop index attribute_name, attribute_label;
create index attribute_name on attribute (
    left(name_folded, 255) collate "C", name collate "C", id);
create index attribute_label on attribute (
    left(label_folded, 255) collate "C", label collate "C", id);

alter table webhook
    drop column searched,
    add column name_folded text not null generated always as (crm_fold(document ->> 'name')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'name'), null)) stored;
drop index webhook_name;
create index webhook_name on webhook (
    left(name_folded, 255) collate "C", name collate "C", id);

alter table client
    drop column searched,
    add column name_folded text not null generated always as (crm_fold(document ->> 'name')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'name'), (document -> 'attributes')::jsonb)) stored;
drop index client_name;
create index client_name on client (
    left(name_folded, 255) collate "C", name collate "C", id);
create index client_name_part on client using gin (name_folded gin_trgm_ops) 
    with (gin_pending_list_limit = 512);
create index client_searched on client using gin (searched gin_trgm_ops) 
    with (gin_pending_list_limit = 512);

alter table cohort
    drop column searched,
    add column name_cohort_folded text not null generated always as (crm_fold(document ->> 'name_cohort')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'name_cohort'), null)) stored;
drop index cohort_name_cohort;
create index cohort_name_cohort on cohort (
    left(name_cohort_folded, 255) collate "C", name_cohort collate "C", id);

alter table service
    drop column searched,
    add column name_folded text not null generated always as (crm_fold(document ->> 'name')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'name'), (document -> 'attributes')::jsonb)) stored;
drop index service_name;
create index service_name on service (
    left(name_folded, 255) collate "C", name collate "C", id);
create index service_searched on service using gin (searched gin_trgm_ops) 
    with (gin_pending_list_limit = 512);

alter table pipeline
    drop column searched,
    add column name_folded text not null generated always as (crm_fold(document ->> 'name')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'name'), null)) stored;
drop index pipeline_name;
create index pipeline_name on pipeline (
    left(name_folded, 255) collate "C", name collate "C", id);

alter table lead
    drop column searched,
    add column name_folded text not null generated always as (crm_fold(document ->> 'name')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'name'), (document -> 'attributes')::jsonb)) stored;
drop index lead_name;
create index lead_name on lead (
    left(name_folded, 255) collate "C", name collate "C", id);
create index lead_searched on lead using gin (searched gin_trgm_ops) 
    with (gin_pending_list_limit = 512);

alter table follow_up
    drop column searched,
    add column searched text not null generated always as (
        crm_searched(crm_fold(coalesce(document ->> 'comment', '')), (document -> 'attributes')::jsonb)) stored;
create index follow_up_searched on follow_up using gin (searched gin_trgm_ops) 
    with (gin_pending_list_limit = 512);

alter table enrollment
    drop column searched,
    add column pathway_name_folded text not null generated always as (crm_fold(document ->> 'pathway_name')) stored,
    add column searched text not null generated always as (
        crm_searched(crm_fold(document ->> 'pathway_name'), null)) stored;
drop index enrollment_pathway_name;
create index enrollment_pathway_name on enrollment (
    left(pathway_name_folded, 255) collate "C", pathway_name collate "C", id);

alter table transfer_request
    drop column searched,
    add column student_name_folded text not null generated always as (crm_fold(document ->> 'student_name')) stored,
    add column cohort_request_folded text not null generated always as (crm_fold(document ->> 'cohort_request')) stored,
    add column searched text not null generated always as (
        crm_searched(
            crm_fold(document ->> 'student_name') || E'\n' || crm_fold(document ->> 'cohort_request'), null)) stored;
drop index transfer_request_student_name, transfer_request_cohort_request;
create index transfer_request_student_name on transfer_request (
    left(student_name_folded, 255) collate "C", student_name collate "C", id);
create index transfer_request_cohort_request on transfer_request (
    left(cohort_request_folded, 255) collate "C", cohort_request collate "C", id);

-- Without, the planner would guess what the new columns hold until autovacuum has counted it.
analyze attribute, webhook, client, cohort, service, pipeline, lead, follow_up, enrollment, transfer_request;
