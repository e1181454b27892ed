namespace DurableGateway.Proxy;

/// <summary>Is told of the requests of clients, by route. A method returns at once and throws nothing.</summary>
internal interface IRequestObserver
{
    /// <summary>A request has come to a route.</summary>
    void RequestBegan(string route);

    /// <summary>It has its response, which is the service's, or one that the gateway made.</summary>
    void RequestEnded(string route, HttpResponse response, TimeSpan took);

    /// <summary>A call of a service has come to a route whose calls are remembered, and belongs to no run.</summary>
    void CallWasUnbound(string route);
}
