using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>A call of a script, with keys and arguments by name.</summary>
internal sealed class ScriptCall(Script script)
{
    private readonly RedisKey[] _keys = new RedisKey[script.Keys.Count];
    private readonly RedisValue[] _values = new RedisValue[script.Arguments.Count];

    /// <summary>A call with the keys of a run.</summary>
    public ScriptCall(Script script, StoreKeys keys) : this(script)
    {
        for (var i = 0; i < _keys.Length; i++) _keys[i] = keys[script.Keys[i]];
    }

    /// <summary>Sets a key.</summary>
    /// <exception cref="ArgumentException">The script does not declare it.</exception>
    public RedisKey this[ScriptKey key]
    {
        set => _keys[script.PlaceOf(key)] = value;
    }

    /// <summary>Sets an argument. <see cref="RedisValue.Null"/> leaves an optional one out.</summary>
    /// <exception cref="ArgumentException">The script does not declare it.</exception>
    public RedisValue this[string argument]
    {
        set => _values[script.PlaceOf(argument)] = value;
    }

    /// <summary>The values of the list argument, if the script declares one.</summary>
    public IEnumerable<RedisValue> Rest { get; init; } = [];

    /// <summary>The keys of the list that ends the keys, where the script declares one.</summary>
    public IReadOnlyList<RedisKey> MoreKeys { get; init; } = [];

    /// <summary>Executes the script by its hash. The text is sent only to a server that does not know it.</summary>
    /// <exception cref="InvalidOperationException">A key or an argument is missing, or a list of keys is not declared.</exception>
    public async Task<RedisResult> EvaluateAsync(IDatabase db)
    {
        var (keys, values) = (CheckedKeys(), Values());
        try
        {
            // By its text, the client library would hash the text with every call, to find out whether the server has it.
            return await db.ScriptEvaluateAsync(script.Hash, keys, values);
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            return await db.ScriptEvaluateAsync(script.Text, keys, values);
        }
    }

    private RedisKey[] CheckedKeys()
    {
        for (var i = 0; i < _keys.Length; i++)
        {
            if (_keys[i] == default(RedisKey))
                throw new InvalidOperationException($"The script '{script.Name}' is called without its key {script.Keys[i]}.");
        }

        if (MoreKeys.Count == 0) return _keys;
        if (!script.HasMoreKeys) throw new InvalidOperationException($"The script '{script.Name}' declares no list of keys.");
        return [.. _keys, .. MoreKeys];
    }

    private RedisValue[] Values()
    {
        for (var i = 0; i < _values.Length; i++)
        {
            if (!_values[i].IsNull) continue;
            var (name, kind) = script.Arguments[i];
            if (kind == ScriptArgumentKind.Required)
                throw new InvalidOperationException($"The script '{script.Name}' is called without its argument '{name}'.");
            if (kind == ScriptArgumentKind.Rest) return [.. _values[..i], .. Rest];
            _values[i] = RedisValue.EmptyString;
        }

        return _values;
    }
}
