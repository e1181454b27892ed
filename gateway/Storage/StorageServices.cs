using DurableGateway.Runs;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace DurableGateway.Storage;

internal static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        // Tests register their own clock and store.
        services.TryAddSingleton(new StoreClock(TimeProvider.System));
        services.TryAddSingleton<IRunStore, RedisRunStore>();
        return services
            .AddSingleton<TimeProvider>(provider => provider.GetRequiredService<StoreClock>())
            .AddSingleton<StoreConnection>()
            .AddHostedService(provider => provider.GetRequiredService<StoreConnection>())
            .AddSingleton<IStoreReadiness>(provider => provider.GetRequiredService<StoreConnection>())
            .AddHostedService<StoreGauges>()
            .AddSingleton<IRunSignalChannel, RedisSignalChannel>()
            .AddSingleton<RecordCodec>()
            .AddSingleton<StepValueReader>()
            .AddSingleton<IRunHistory, RunHistory>()
            .AddSingleton<IFlowStore, FlowStore>()
            .AddSingleton<IdempotencyKeyStore>()
            .AddSingleton<IStreamStore, StreamStore>()
            .AddSingleton<IWaitStore, RedisWaitStore>()
            .AddSingleton<IEventStore, RedisEventStore>()
            .AddSingleton<IOutboxStore, RedisOutboxStore>()
            .AddSingleton(provider => new UnlistedRuns(provider.GetRequiredService<StoreConnection>().Shards))
            .AddSingleton<RunIndexWriter>()
            .AddHostedService(provider => provider.GetRequiredService<RunIndexWriter>())
            .AddSingleton<RunIndex>()
            .AddSingleton<RunRecordReader>()
            .AddSingleton<OperatorCommandStore>()
            .AddSingleton<RouteCountStore>()
            .AddSingleton<BulkActionStore>();
    }
}
