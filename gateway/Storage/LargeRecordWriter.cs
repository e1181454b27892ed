using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Writes records of any size. A large one is sent once: the store is asked before, and so after a lost answer, whether it has it.
/// </summary>
internal static class LargeRecordWriter
{
    /// <summary>What a script answers that was called without its record, and would store one.</summary>
    private const string Send = "send";

    /// <param name="connection">The store.</param>
    /// <param name="key">A key that the script writes.</param>
    /// <param name="bytes">About how large the record is.</param>
    /// <param name="record">Makes the record. Called only where it is sent, so that a store that is away costs no encryption.</param>
    /// <param name="newCall">
    /// Makes a call of the script without its argument <c>record</c>, with which it checks what it would check, and stores nothing. Called
    /// when the call begins.
    /// </param>
    /// <param name="caller">What it is called in traces.</param>
    public static async Task<RedisResult> WriteAsync(
        this StoreConnection connection, RedisKey key, long bytes, Func<RedisValue> record, Func<ScriptCall> newCall,
        [CallerMemberName] string caller = "")
    {
        if (!connection.IsLarge(bytes)) return await connection.ExecuteSafelyAsync(key, SendAsync, caller);

        // Replicas need not confirm that there is nothing yet. What is there already counts when they have it.
        if (!IsSend(await connection.ExecuteAsync(AskAsync, caller)))
        {
            var known = await connection.ExecuteSafelyAsync(key, AskAsync, caller);
            if (!IsSend(known)) return known;
        }

        return await connection.WriteLargeAsync(key, bytes, async db =>
        {
            // It has waited for its turn. A caller that did not wait so long for the answer may have sent the same again meanwhile.
            var known = await AskAsync(db);
            return IsSend(known) ? await SendAsync(db) : known;
        }, caller);

        Task<RedisResult> AskAsync(IDatabase db) => newCall().EvaluateAsync(db);

        Task<RedisResult> SendAsync(IDatabase db)
        {
            var call = newCall();
            call["record"] = record();
            return call.EvaluateAsync(db);
        }
    }

    private static bool IsSend(RedisResult answer) => (answer.Length > 0 ? answer[0] : answer).ToString() == Send;
}
