using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Writes records of any size. Before it sends a large record, it asks the store whether it needs it, also after a lost answer. So the
/// record is sent once.
/// </summary>
internal static class LargeRecordWriter
{
    /// <summary>The answer of a script that was called without its record and needs it.</summary>
    private const string Send = "send";

    /// <param name="connection">The store.</param>
    /// <param name="key">A key that the script writes.</param>
    /// <param name="bytes">The approximate size of the record.</param>
    /// <param name="record">Creates the record. Called only before sending, so that nothing is encrypted for an unavailable store.</param>
    /// <param name="newCall">
    /// Creates a call of the script without its argument <c>record</c>. Without it, the script makes all its checks but stores nothing.
    /// Called when the call begins.
    /// </param>
    /// <param name="caller">The name of the operation in traces.</param>
    public static async Task<RedisResult> WriteAsync(
        this StoreConnection connection, RedisKey key, long bytes, Func<RedisValue> record, Func<ScriptCall> newCall,
        [CallerMemberName] string caller = "")
    {
        if (!connection.IsLarge(bytes)) return await connection.ExecuteSafelyAsync(key, SendAsync, caller);

        // Replicas need not confirm that the record is missing. They must confirm a record that exists.
        if (!IsSend(await connection.ExecuteAsync(AskAsync, caller)))
        {
            var known = await connection.ExecuteSafelyAsync(key, AskAsync, caller);
            if (!IsSend(known)) return known;
        }

        return await connection.WriteLargeAsync(key, bytes, async db =>
        {
            // While this call waited, its caller may have given up and sent the same record again.
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
