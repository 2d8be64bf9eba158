-- Attributes whose values tell records apart (decisions 84 to 87).

-- What the values of unique attributes are compared by: crm_core.input.texts.unique_form, which a test holds it to; null
-- for what is equal to nothing: blank texts, and those that are too long for an index. Lower case is that of the
-- database's locale; the letters that Turkish and Greek treat in their own ways are taken out before and after.
create function crm_unique(original text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    form text := original;
begin
    if length(original) > 200 then
        return null;
    end if;
    if octet_length(form) = length(form) then
        form := lower(form collate "C");
    else
        form := lower(translate(normalize(form, nfkc), 'Iİ', 'ii') collate "default");
        form := normalize(replace(replace(form, 'ς', 'σ'), 'ß', 'ss'), nfkc);
    end if;
    if form ~ '[\u0009-\u000d\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]|  |^ | $' then
        form := btrim(regexp_replace(
            form,
            '[\u0009-\u000d\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+',
            ' ', 'g'));
    end if;
    return case when form <> '' and octet_length(form) <= 2000 then form end;
end $$;

-- The document of an attribute says whether it is unique; in a new version, as an ETag stands for the same bytes for ever.
update attribute
set version = version + 1, document = (
    select '{' || string_agg(
        to_json(key)::text || ':' || value::text || case when key = 'entity' then ',"is_unique":false' else '' end,
        ',' order by place) || '}'
    from json_each(document) with ordinality as members (key, value, place)
)::json
where document -> 'is_unique' is null;
